"""The example CT segmentation: data, training and masks, from notebook to notebook, in the kernels' environment."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from support.kernels import kernelspecs
from support.stack import ENVIRONMENTS, ROOT

pytestmark = pytest.mark.system

EXAMPLE = ROOT / "examples" / "ct-segmentation"
SMALL = {
    "1_fetch_data": {"patients": "[2, 1, 2]"},
    "2_train_here": {"width": "2", "epochs": "2"},
    "3_predict_and_plot": {"threshold": "0.5"},
}


def printed(notebook: Path) -> str:
    outputs = [output for cell in nbformat.read(notebook, 4).cells for output in cell.get("outputs", ())]
    return "".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs)


def test_from_data_to_measured_masks(tmp_path: Path) -> None:
    if not (ENVIRONMENTS / "kernels" / "bin" / "python").exists():
        pytest.skip("no kernels' environment is installed: `nebulab up` does")
    work = tmp_path / "work"
    shutil.copytree(EXAMPLE, work, ignore=shutil.ignore_patterns("__pycache__"))
    variables = os.environ | kernelspecs(tmp_path) | {"MPLBACKEND": "agg"}
    said = {}
    for name, parameters in SMALL.items():
        notebook = work / f"{name}.ipynb"
        given = [word for parameter in parameters.items() for word in ("-p", *parameter)]
        command = [sys.executable, "-m", "nebulab", "run", str(notebook), "--in-place", *given]
        finished = subprocess.run(command, cwd=work, env=variables, capture_output=True, text=True, timeout=580)
        assert finished.returncode == 0, f"{name}: {finished.stderr[-2000:]}"
        said[name] = printed(notebook)
    assert "train: images (32, 128, 128, 1), masks (32, 128, 128, 2), patients: 2" in said["1_fetch_data"]
    assert "tv_unet model" in said["2_train_here"]  # the ONNX file was proven
    assert (work / "outputs" / "masks.png").stat().st_size > 10_000
    with (work / "outputs" / "metrics.tsv").open() as file:
        rows = {(row["model"], row["by"], row["figure"]): row for row in csv.DictReader(file, delimiter="\t")}
    assert len(rows) == 2 * 2 * 5
    # So short a training finds nothing yet: what the figures are worth is in the example's README.
    for row in rows.values():
        mean, low, high = (float(row[name] or "nan") for name in ("mean", "low", "high"))
        assert 0 <= low <= mean <= high <= 1 or row["figure"] in (
            "dice",
            "precision",
        )  # nothing of nothing is no figure
    areas = [float(rows[model, "patient", "pr_auc"]["mean"]) for model in ("U-Net", "TV-U-Net")]
    assert all(0 < area < 1 for area in areas)
    (nothing,) = (line.split() for line in said["3_predict_and_plot"].splitlines() if line.startswith("finds nothing"))
    published, usual, lesion = map(float, nothing[2:])
    assert published > 0.99  # for a network that never finds a lesion
    assert usual < 0.51
    assert lesion == 0


@pytest.mark.parametrize("path", sorted(EXAMPLE.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert [cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")] == []
