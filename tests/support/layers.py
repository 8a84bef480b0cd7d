"""A shared environment with a package or two, and wheels to install over it; no index is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path


def wheel(folder: Path, name: str, version: str, *, needs: str = "") -> Path:
    """Make a wheel of one module and one script, which may need another package."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\ndef main(): print(VERSION)\n")
        archive.writestr(f"{info}/METADATA", metadata + (f"Requires-Dist: {needs}\n" if needs else ""))
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name}-say = {name}:main\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def run(python: Path, *arguments: str) -> str:
    """Run a program in a clean environment, and return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
    finished = subprocess.run([python, *arguments], env=environment, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


def shared_environment(tmp_path: Path) -> Path:
    """Make an environment with pip and the package shared_thing 1.0."""
    folder = tmp_path / "shared"
    run(Path(sys.executable), "-m", "venv", "--without-pip", str(folder))
    packages = next(folder.glob("lib/python3.*/site-packages"))
    # What ensurepip would install, in a tenth of its time; Debian's Python lacks its wheels.
    pip = metadata.distribution("pip")
    for name in ("pip", f"pip-{pip.version}.dist-info"):
        shutil.copytree(str(pip.locate_file(name)), packages / name, ignore=shutil.ignore_patterns("__pycache__"))
    with zipfile.ZipFile(wheel(tmp_path, "shared_thing", "1.0")) as archive:
        archive.extractall(packages)
    return folder


def index_hosts() -> list[str]:
    """Return the hosts of the index that packages come from where nothing else is set, as pip knows them."""
    index = "from pip._internal.models.index import PyPI; print(PyPI.netloc, PyPI.file_storage_domain)"
    return run(Path(sys.executable), "-c", index).split()
