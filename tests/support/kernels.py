"""The kernels' environment: programs in it, and notebooks executed as in a session."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from support.galaxy import GalaxyUser
from support.stack import ENVIRONMENTS

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


def run(code: str, variables: dict[str, str], folder: Path) -> str:
    """Run a program with the kernels' Python, and return what it printed."""
    finished = subprocess.run(
        [str(PYTHON), "-c", code], cwd=folder, env=os.environ | variables, capture_output=True, text=True, timeout=580
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def execute(notebook: nbformat.NotebookNode, variables: dict[str, str], folder: Path) -> None:
    """Execute a notebook in place, in a kernel that starts as those of a session do."""
    spec = folder / ".kernels" / "nebulab"
    spec.mkdir(parents=True, exist_ok=True)
    command = [str(PYTHON), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    command += ["--ext", "nebulab.kernel"]
    description = {"argv": command, "display_name": "Nebulab", "language": "python", "env": variables}
    (spec / "kernel.json").write_text(json.dumps(description))
    manager = AsyncKernelManager(kernel_name="nebulab")
    manager.kernel_spec_manager = KernelSpecManager(kernel_dirs=[str(spec.parent)], ensure_native_kernel=False)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, km=manager, resources=resources, timeout=580).execute()
