"""JupyterLab's configuration file for a session; runs in JupyterLab's process, which provides `get_config`."""

from nebulab.session.lab.config import configure

configure(get_config())  # type: ignore[name-defined]  # noqa: F821
