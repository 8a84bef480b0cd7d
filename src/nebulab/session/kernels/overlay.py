"""The overlay: a virtual environment above the shared one, for the user's own packages; runs in the session.

`%pip install` and `uv pip install` write into it, a package there shadows the shared one, and the shared environment is
never written to. It is a few small files, made in milliseconds, where Python's own `venv` needs seconds and would hide
the shared packages.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from nebulab import contract
from nebulab.errors import SettingsError
from nebulab.session.kernels.names import KERNEL

DISPLAY_NAME = "Python 3 (AI)"
KERAS2_NAME = "Python 3 (Keras 2)"

_EXTENSION = "nebulab.kernel"
# A name that sorts last: .pth files of the user's own packages take effect before it.
_SHARED = "zz_nebulab_shared.pth"
# In a .pth file, for the limit on GPU memory holds in every Python of the session, not in kernels alone.
_CAPS = (
    f"import os; os.environ.get({contract.GPU_MEMORY_MB!r}) and "
    r"exec('try:\n import nebulab.accelerators.startup\nexcept ImportError: pass')"
)
_KERNELS = Path("share", "jupyter", "kernels")
_KERNELSPEC = _KERNELS / KERNEL / "kernel.json"
_PLAIN_SPEC: dict[str, Any] = {
    "argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
    "language": "python",
}
_PIP = """#!/bin/sh
exec {python} -m pip "$@"
"""
# Passes on to a conda that the machine has; without one it says what to type in its place.
_CONDA = """#!/bin/sh
own=$(dirname "$0")
IFS=:
for folder in $PATH; do
    if [ "$folder" != "$own" ] && [ -x "$folder/{name}" ]; then exec "$folder/{name}" "$@"; fi
done
echo "There is no {name} here. Python packages: %pip install NAME in a notebook, pip install NAME in a terminal." >&2
if command -v micromamba >/dev/null; then
    echo "Others: micromamba create -n NAME -c conda-forge PACKAGES in a terminal." >&2
fi
exit 127
"""
# With the Lab's Python, which no package of the user's can break; -P: nor a module in the working folder.
_UV = """#!/bin/sh
exec {lab} -P -m nebulab.packages.uv {folder} "$@"
"""
# The module for IPython's %uv, which runs `python -m uv`; a package of that name that the user installs shadows it.
_UV_MODULE = """import os, sys

if __name__ == "__main__":
    os.execv({uv!r}, [{uv!r}, *sys.argv[1:]])
"""
_CONFIG = "pyvenv.cfg"
_BASE = "nebulab-shared"
_LAB = "nebulab-lab"


def create(folder: Path, base: Path | None, *, lab: Path | None = None) -> Path:
    """Make an overlay above the environment `base` at `folder`, and return its Python.

    Packages in an overlay that is there already are kept. `base` is by default the environment of this process,
    JupyterLab's own; `lab` is the Python of the Lab's environment, by default that of this process.

    Raises
    ------
    SettingsError
        `base` is no Python environment.
    """
    base = base or Path(sys.prefix)
    lab = lab or Path(sys.executable)
    shared = packages(base)
    version = shared.parent.name  # python3.11
    own = folder / "lib" / version / "site-packages"
    own.mkdir(parents=True, exist_ok=True)
    (folder / _CONFIG).write_text(
        f"home = {_home(base)}\ninclude-system-site-packages = false\nversion = {version.removeprefix('python')}\n"
        f"{_BASE} = {base}\n{_LAB} = {lab}\n"
    )
    template = base / _KERNELSPEC
    if template.is_file():
        (folder / _KERNELSPEC).parent.mkdir(parents=True, exist_ok=True)
        (folder / _KERNELSPEC).write_bytes(template.read_bytes())
    # addsitedir, and not a bare path: the shared environment has .pth files of its own.
    (own / _SHARED).write_text(f"import site; site.addsitedir({str(shared)!r})\n{_CAPS}\n")
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    python = programs / "python"
    interpreter = os.path.realpath(base / "bin" / "python")
    for name in ("python3", version, "python"):
        (programs / name).unlink(missing_ok=True)
        (programs / name).symlink_to(interpreter)
    pip = _PIP.format(python=shlex.quote(str(python)))
    uv = _UV.format(lab=shlex.quote(str(lab)), folder=shlex.quote(str(folder)))
    condas = {name: _CONDA.format(name=name) for name in ("conda", "mamba")}
    for name, script in {"pip": pip, "pip3": pip, "uv": uv, **condas}.items():
        (programs / name).unlink(missing_ok=True)
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    (own / "uv.py").write_text(_UV_MODULE.format(uv=str(programs / "uv")))
    return python


def renew(folder: Path) -> None:
    """Make the overlay at `folder` anew, without the packages in it.

    Raises
    ------
    SettingsError
        There is no overlay.
    """
    settings = configuration(folder)
    aside = folder.with_name(f"{folder.name}.{os.getpid()}")
    folder.rename(aside)
    create(folder, settings[_BASE], lab=settings[_LAB])
    shutil.rmtree(aside, ignore_errors=True)


def below(folder: Path) -> Path:
    """Return the shared environment below the overlay at `folder`."""
    return configuration(folder)[_BASE]


def configuration(folder: Path) -> dict[str, Path]:
    """Return the `base` and `lab` that the overlay at `folder` was made with, by their keys in pyvenv.cfg.

    Raises
    ------
    SettingsError
        There is no overlay.
    """
    settings = {name: Path(value) for name, value in _read(folder / _CONFIG).items() if name in {_BASE, _LAB}}
    if len(settings) < 2:
        raise SettingsError(f"{folder} holds no packages of a session.", "Start the session again: it makes it anew.")
    return settings


def kernelspec(folder: Path, python: Path) -> Path:
    """Write the session's kernelspecs below `folder`, and return the folder that `JUPYTER_PATH` has to name.

    Each is ipykernel's own, which declares what its version can do (encryption, debugger), with the overlay's Python.
    The kernel loads `nebulab.kernel`; if its environment lacks that, it logs so and starts all the same. The second
    one, for Keras 2, differs in a variable, and is there where tf-keras is.
    """
    template = python.parent.parent / _KERNELSPEC
    content: dict[str, Any] = json.loads(template.read_bytes()) if template.is_file() else _PLAIN_SPEC
    content = content | {
        "argv": [str(python), *content["argv"][1:], "--ext", _EXTENSION],
        "display_name": DISPLAY_NAME,
    }
    specs = {KERNEL: content}
    if _has_keras2(python):
        variables = {**content.get("env", {}), contract.LEGACY_KERAS: "1"}
        specs[contract.KERAS2] = content | {"display_name": KERAS2_NAME, "env": variables}
    for name, spec in specs.items():
        path = folder / _KERNELS / name / "kernel.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(spec, indent=1))
    return folder / _KERNELS.parent


def _has_keras2(python: Path) -> bool:
    folder = python.parent.parent
    base = _read(folder / _CONFIG).get(_BASE)
    return base is not None and (packages(Path(base)) / "tf_keras").is_dir()


def packages(base: Path) -> Path:
    """Return the site-packages folder of the environment `base`, an overlay or a shared one.

    Raises
    ------
    SettingsError
        `base` is no Python environment.
    """
    if (base / "bin" / "python").exists():
        for folder in sorted(base.glob("lib/python3.*/site-packages")):
            return folder
    raise SettingsError(
        f"{base} is no Python environment.", f"Set {contract.KERNELS} to the folder of the kernels' environment."
    )


def _home(base: Path) -> str:
    """Return the folder of the interpreter that `base` was made from."""
    return _read(base / _CONFIG).get("home") or str(Path(os.path.realpath(base / "bin" / "python")).parent)


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}
