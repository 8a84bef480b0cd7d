"""Checks with the real libraries: each function `check_…` of some files, called in the kernels' environment.

`python -m support.inside FILE…` prints as JSON what became of each: nothing, or its traceback. It needs no pytest,
which that environment has not.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any

from support.stack import ENVIRONMENTS, ROOT

KERNELS = ENVIRONMENTS / "kernels" / "bin" / "python"


def names(folder: Path) -> list[str]:
    """Return the checks of a folder as `file.check_…`, without importing a file."""
    return [
        f"{path.stem}.{node.name}"
        for path in sorted(folder.glob("*.py"))
        for node in ast.parse(path.read_bytes()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("check_")
    ]


def outcomes(folder: Path, *packages: Path) -> dict[str, str]:
    """Run a folder's checks in one process of the kernels' environment; return the traceback of each, or nothing.

    `packages` are folders of libraries that lie beside that environment.
    """
    search = os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests", *packages)))
    finished = subprocess.run(
        [str(KERNELS), "-m", "support.inside", *map(str, sorted(folder.glob("*.py")))],
        # The environment may be shared with other checkouts: nothing is written into it.
        env=os.environ | {"PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "@@" in finished.stdout, finished.stdout + finished.stderr
    found: dict[str, str] = json.loads(finished.stdout.rpartition("@@")[2])
    return found


def _run(path: Path) -> dict[str, str]:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        f"{path.stem}.{name}": _outcome(check)
        for name, check in vars(module).items()
        if name.startswith("check_") and inspect.isfunction(check)
    }


def _outcome(check: Any) -> str:
    try:
        with tempfile.TemporaryDirectory() as folder:
            check(Path(folder))
    except Exception:  # noqa: BLE001 - it is the check's answer
        return traceback.format_exc()
    return ""


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    told: dict[str, str] = {}
    for file in sys.argv[1:]:
        told |= _run(Path(file))
    print("\n@@" + json.dumps(told))
