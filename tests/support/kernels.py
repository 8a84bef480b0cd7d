"""The kernels' environment: programs in it, and notebooks executed as in a session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat

from nebulab.session.kernels import overlay
from support.galaxy import GalaxyUser
from support.stack import ENVIRONMENTS, ROOT

PYTHON = ENVIRONMENTS / "kernels" / "bin" / "python"


def environment(galaxy: GalaxyUser, history: str, folder: Path) -> dict[str, str]:
    """Return what a session tells its kernels; there is no broker here, the user's key stands in for its token."""
    return {
        "GALAXY_URL": galaxy.url,
        "API_KEY": galaxy.key,
        "HISTORY_ID": history,
        "NEBULAB_CACHE": str(folder / "cache"),
        "MPLBACKEND": "agg",
    }


def kernelspecs(folder: Path) -> dict[str, str]:
    """Return the variables by which `nebulab run` finds a session's kernelspecs, which are made in `folder`."""
    python = overlay.create(folder / "overlay", ENVIRONMENTS / "kernels")
    return {
        "JUPYTER_PATH": str(overlay.kernelspec(folder / "specs", python)),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        # This checkout's code, not the one that was installed with the environment.
        "PYTHONPATH": str(ROOT / "src"),
    }


def run(code: str, variables: dict[str, str], folder: Path) -> str:
    """Run a program with the kernels' Python, and return what it printed."""
    finished = subprocess.run(
        [str(PYTHON), "-c", code], cwd=folder, env=os.environ | variables, capture_output=True, text=True, timeout=580
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def execute(notebook: nbformat.NotebookNode, variables: dict[str, str], folder: Path) -> None:
    """Execute a notebook in place, in a kernel that starts as those of a session do."""
    spec = folder / ".jupyter" / "kernels" / "nebulab"
    spec.mkdir(parents=True, exist_ok=True)
    command = [str(PYTHON), "-m", "ipykernel_launcher", "-f", "{connection_file}", "--ext", "nebulab.kernel"]
    description = {"argv": command, "display_name": "Nebulab", "language": "python", "env": variables}
    (spec / "kernel.json").write_text(json.dumps(description))
    path = folder / "executed.ipynb"
    nbformat.write(notebook, path)
    # In a process of its own: jupyter_client leaves sockets open, which the tests would take for their own.
    finished = subprocess.run(
        [sys.executable, "-c", _EXECUTE, str(path)],
        env=os.environ | {"JUPYTER_PATH": str(folder / ".jupyter")},
        capture_output=True,
        text=True,
        timeout=580,
    )
    assert finished.returncode == 0, finished.stderr
    notebook.cells = nbformat.read(path, 4).cells


_EXECUTE = """
import sys
from pathlib import Path
import nbformat
from nbclient import NotebookClient
path = Path(sys.argv[1])
notebook = nbformat.read(path, 4)
resources = {"metadata": {"path": str(path.parent)}}
try:
    NotebookClient(notebook, kernel_name="nebulab", resources=resources, timeout=560).execute()
finally:
    nbformat.write(notebook, path)
"""
