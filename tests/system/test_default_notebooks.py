"""The notebooks of a fresh session run as they are, in the folders where a session lays them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from subprocess import run

import pytest

from nebulab.session.inputs.start import default_notebooks
from support.kernels import kernelspecs
from support.stack import ENVIRONMENTS

pytestmark = pytest.mark.system

KERNELS = ENVIRONMENTS / "kernels"
WITH_GALAXY = ("Start here", "Breast cancer", "bioblend_APIs", "5_run_remote_training", "6_predict_masks_remote_model")
"""They put and get datasets; `test_persons_path.py` goes through the first two."""
IN_ORDER = ("load_dataset", "preprocess_dataset", "apply_ml", "plot_results")


def test_they_run_one_after_another(tmp_path: Path) -> None:
    if not (KERNELS / "bin" / "python").exists():
        pytest.skip("no kernels' environment is installed: `nebulab up` does")
    source = default_notebooks()
    assert source is not None
    work = tmp_path / "work"
    shutil.copytree(source, work)
    variables = os.environ | kernelspecs(tmp_path) | {"MPLBACKEND": "agg"}
    notebooks = sorted(
        work.rglob("*.ipynb"), key=lambda path: (path.stem in IN_ORDER and IN_ORDER.index(path.stem), path)
    )
    failed = []
    for notebook in notebooks:
        if notebook.stem in WITH_GALAXY:
            continue
        command = [sys.executable, "-m", "nebulab", "run", str(notebook), "--in-place"]
        finished = run(command, cwd=work, env=variables, capture_output=True, text=True, timeout=580)
        if finished.returncode:
            failed.append(f"{notebook.relative_to(work)}: {finished.stderr[-1500:]}")
    assert failed == []
    assert (work / "outputs" / "sine.png").is_file()
    assert (work / "elyra" / "data" / "linear_model_performance.png").is_file()
