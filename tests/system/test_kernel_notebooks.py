"""Notebooks in the kernels' environment against the real Galaxy: the default ones, and each kind of object."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from support.galaxy import GalaxyUser
from support.kernels import environment, execute, run
from support.stack import ROOT

pytestmark = pytest.mark.system

NOTEBOOKS = sorted((ROOT / "examples" / "start").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_a_default_notebook_is_delivered_clean(path: Path) -> None:
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert all(cell["id"] for cell in notebook.cells)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_a_default_notebook_runs(path: Path, galaxy: GalaxyUser, history: str, tmp_path: Path) -> None:
    notebook = nbformat.read(path, 4)
    execute(notebook, environment(galaxy, history, tmp_path), tmp_path)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output["text"] for output in outputs if output.get("name") == "stderr"], "no warnings for a beginner"
    names = {item["name"]: item for item in galaxy.get(f"histories/{history}/contents")}
    if path.stem == "Breast cancer":
        assert {name: names[name]["extension"] for name in names} == {
            "breast cancer.tsv": "tabular",
            "breast cancer model.onnx": "onnx",
            "breast cancer.png": "png",
        }
        assert galaxy.content(names["breast cancer.png"]["id"]).startswith(b"\x89PNG")
    elif path.stem == "Start here":
        assert galaxy.content(names["planets.tsv"]["id"]).startswith(b"planet\tmoons\n")


def test_errors_in_a_notebook_are_short(galaxy: GalaxyUser, history: str, tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell('history["train.tsv"]')])
    notebook.cells[0].metadata["tags"] = ["raises-exception"]
    execute(notebook, environment(galaxy, history, tmp_path), tmp_path)
    error = notebook.cells[0].outputs[0]
    assert error["ename"] == "DatasetNotFound"
    assert "site-packages" not in "".join(error["traceback"])
    assert "The history is empty." in "".join(error["traceback"])


def test_each_kind_of_object(galaxy: GalaxyUser, history: str, tmp_path: Path) -> None:
    code = """
import json
import matplotlib.pyplot as plt, numpy as np, pandas as pd
from nebulab.kernel import history

frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y é"]})
array = np.arange(6.0).reshape(2, 3)
figure, axes = plt.subplots()
made = [
    history.put(frame, "frame.tsv", wait=False),
    history.put(frame, "frame.csv", wait=False),
    history.put(frame, "frame.parquet", wait=False),
    history.put(array, "array.npy", wait=False),
    history.put({"x": array}, "arrays.npz", wait=False),
    history.put({"x": array}, "arrays.h5", wait=False),
    history.put(figure, "figure.png", wait=False),
    history.put({"k": [1, "é"]}, "data.json", wait=False),
    history.put("line\\n", "text.txt", wait=False),
    history.put(b"\\x00\\xff", "bytes.bin", wait=False),
]
for dataset in made:
    dataset.wait(500)
values = {dataset.name: dataset.read() for dataset in made}
for name in ("frame.tsv", "frame.csv", "frame.parquet"):
    pd.testing.assert_frame_equal(values[name], frame)
np.testing.assert_array_equal(values["array.npy"], array)
np.testing.assert_array_equal(values["arrays.npz"]["x"], array)
np.testing.assert_array_equal(values["arrays.h5"]["x"], array)
assert values["figure.png"].startswith(b"\\x89PNG")
assert values["data.json"] == {"k": [1, "é"]}
assert (values["text.txt"], values["bytes.bin"]) == ("line\\n", b"\\x00\\xff")
with history["frame.tsv"].open() as stream:
    assert stream.readline() == b"a\\tb\\n"
print(json.dumps({dataset.name: dataset.ext for dataset in made}))
"""
    printed = run(code, environment(galaxy, history, tmp_path), tmp_path)
    assert json.loads(printed) == {
        "frame.tsv": "tabular",
        "frame.csv": "csv",
        "frame.parquet": "parquet",
        "array.npy": "npy",
        "arrays.npz": "npz",
        "arrays.h5": "h5",
        "figure.png": "png",
        "data.json": "json",
        "text.txt": "txt",
        "bytes.bin": "binary",
    }


def test_loading_the_names_loads_no_library(tmp_path: Path) -> None:
    """A kernel's start pays for nothing before the first use: no HTTP client, no BioBlend, no pandas, under 2 MB."""
    code = """
import sys
from IPython.core.interactiveshell import InteractiveShell

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 1e6

shell = InteractiveShell.instance()
known, before = set(sys.modules), resident()
shell.extension_manager.load_extension("nebulab.kernel")
grown = resident() - before
added = {name.partition(".")[0] for name in set(sys.modules) - known}
print(sorted(added & set("bioblend httpx pandas numpy".split())))
assert "history" in shell.user_ns and "get" in shell.user_ns
assert grown < 2, grown
"""
    assert run(code, {"GALAXY_URL": "http://x"}, tmp_path).strip() == "[]"
