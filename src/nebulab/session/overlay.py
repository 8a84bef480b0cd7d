"""The environment of a session's kernels: the shared one with a layer of the user's own packages; runs in the session.

The layer is a virtual environment of our own making over the kernels' environment: `%pip install` writes into it, a
package there shadows the shared one, and the shared one is never written to. It is a few small files, made in
milliseconds, where Python's own `venv` needs seconds and would hide the shared packages.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from nebulab.accelerators import caps
from nebulab.errors import SettingsError
from nebulab.session.server_config import KERNEL

DISPLAY_NAME = "Python 3 (AI)"

_EXTENSION = "nebulab.kernel"
# Its name sorts last: what the user's own packages put on the path comes before it.
_SHARED = "zz_nebulab_shared.pth"
# Every Python of the session keeps to its share of the GPU's memory, not the kernels alone.
_CAPS = (
    f"import os; os.environ.get({caps.LIMIT!r}) and "
    r"exec('try:\n import nebulab.accelerators.startup\nexcept ImportError: pass')"
)
_KERNELSPEC = Path("share", "jupyter", "kernels", KERNEL, "kernel.json")
_PLAIN_SPEC = {"argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "language": "python"}
_PIP = """#!/bin/sh
exec "{python}" -m pip "$@"
"""


def create(folder: Path, base: Path | None) -> Path:
    """Make a layer over the environment `base` at `folder`, and return its Python; one that is there is kept.

    Without `base` the layer lies over the environment that runs this, JupyterLab's own.

    Raises
    ------
    SettingsError
        `base` is no Python environment.
    """
    base = base or Path(sys.prefix)
    python = folder / "bin" / "python"
    if python.exists():
        return python
    shared = _packages(base)
    version = shared.parent.name  # python3.11
    own = folder / "lib" / version / "site-packages"
    own.mkdir(parents=True, exist_ok=True)
    (folder / "pyvenv.cfg").write_text(
        f"home = {_home(base)}\ninclude-system-site-packages = false\nversion = {version.removeprefix('python')}\n"
    )
    template = base / _KERNELSPEC
    if template.is_file():
        (folder / _KERNELSPEC).parent.mkdir(parents=True, exist_ok=True)
        (folder / _KERNELSPEC).write_bytes(template.read_bytes())
    # addsitedir, and not a bare path: the shared environment has .pth files of its own.
    (own / _SHARED).write_text(f"import site; site.addsitedir({str(shared)!r})\n{_CAPS}\n")
    python.parent.mkdir(exist_ok=True)
    for name in ("pip", "pip3"):
        script = python.parent / name
        script.write_text(_PIP.format(python=python))
        script.chmod(0o755)
    interpreter = os.path.realpath(base / "bin" / "python")
    for name in ("python3", version, "python"):
        (python.parent / name).symlink_to(interpreter)
    return python


def kernelspec(folder: Path, python: Path) -> Path:
    """Write the session's one kernelspec below `folder`, and return the folder that `JUPYTER_PATH` has to name.

    It is ipykernel's own one, which says what this version can do (encryption, debugger), with the layer's Python.
    The kernel loads `nebulab.kernel`; one whose environment lacks it says so in its log, and starts all the same.
    """
    template = python.parent.parent / _KERNELSPEC
    content = json.loads(template.read_bytes()) if template.is_file() else _PLAIN_SPEC
    content = content | {
        "argv": [str(python), *content["argv"][1:], "--ext", _EXTENSION],
        "display_name": DISPLAY_NAME,
    }
    path = folder / _KERNELSPEC
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))
    return folder / _KERNELSPEC.parts[0] / _KERNELSPEC.parts[1]


def _packages(base: Path) -> Path:
    """Return the site-packages folder of `base`."""
    if (base / "bin" / "python").exists():
        for folder in sorted(base.glob("lib/python3.*/site-packages")):
            return folder
    raise SettingsError(
        f"{base} is no Python environment.", "Set NEBULAB_KERNELS to the folder of the kernels' environment."
    )


def _home(base: Path) -> str:
    """Return the folder of the interpreter that `base` was made from."""
    try:
        lines = (base / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition("=")
        if name.strip() == "home":
            return value.strip()
    return str(Path(os.path.realpath(base / "bin" / "python")).parent)
