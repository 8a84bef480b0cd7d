"""What the user sees first, in each mode."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from nebulab import contract
from nebulab.errors import RepositoryError, StagingError
from nebulab.session.inputs import start
from nebulab.session.inputs.staging import Request
from nebulab.session.layout import Layout

DEFAULTS = sorted((start.default_notebooks() or Path()).rglob("*.ipynb"))
NOTEBOOK = json.dumps({"cells": [], "metadata": {"name": "mine"}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "working")
    layout.work.mkdir(parents=True)
    return layout


def no_clone(address: str, reference: str, into: Path) -> Path:
    raise AssertionError("nothing is to be cloned")


def test_default_notebooks_are_copied(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "defaults"
    (folder / "data").mkdir(parents=True)
    (folder / contract.FIRST_PAGE).write_text(NOTEBOOK)
    (folder / "data" / "a.csv").write_text("1,2")
    (folder / "README.md").write_text("for developers")
    monkeypatch.setattr(start, "default_notebooks", lambda: folder)
    first = start.prepare(Request(), layout, no_clone)
    assert (first.page, first.notebook.decode()) == (contract.FIRST_PAGE, NOTEBOOK)
    assert {path.name for path in layout.work.rglob("*")} == {contract.FIRST_PAGE, "data", "a.csv"}


def test_the_default_content_has_the_predecessor_s_names(layout: Layout) -> None:
    """Tutorials walk through them."""
    start.prepare(Request(), layout, no_clone)
    usecases = ["1_fetch_datasets", "2_create_model_and_train", "3_predict_masks", "4_create_model_and_train_remote"]
    usecases += ["5_run_remote_training", "6_predict_masks_remote_model", "7_ColabFold_MMseq2"]
    notebooks = ["bioblend_APIs", "bokeh", "bqplots", "model-sharing", "pandas", "plots_matplotlib", "plots_seaborn"]
    notebooks += ["scikit-Learn", "tensorflow-deep-learning"]
    elyra = ["apply_ml", "load_dataset", "plot_results", "preprocess_dataset"]
    assert (layout.work / "home_page.ipynb").is_file()
    assert (layout.work / "data" / "breast-w_test.tsv").is_file()
    for folder, names in (("usecases", usecases), ("notebooks", notebooks), ("elyra", elyra)):
        assert sorted(path.stem for path in (layout.work / folder).glob("*.ipynb")) == names, folder
    assert (layout.work / "elyra" / "breast_cancer_survival.pipeline").is_file()


@pytest.mark.parametrize("path", DEFAULTS, ids=lambda path: path.stem)
def test_a_default_notebook_is_whole_and_was_not_run(path: Path) -> None:
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert [cell.outputs for cell in notebook.cells if cell.cell_type == "code" and cell.outputs] == []


def test_without_default_notebooks_the_dataset_is_still_a_notebook(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "default_notebooks", lambda: None)
    first = start.prepare(Request(), layout, no_clone)
    assert first.page == ""
    assert json.loads(first.notebook)["nbformat"] == 4
    assert "No notebook was saved" in json.loads(first.notebook)["cells"][0]["source"]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mine.ipynb", "mine.ipynb"),
        ("my note/book", "my_note_book.ipynb"),
        ("../../etc/cron", "_.._etc_cron.ipynb"),
        ("größe 1", "größe_1.ipynb"),
        ("", "notebook.ipynb"),
        ("..", "notebook.ipynb"),
    ],
)
def test_a_notebook_of_the_history_gets_a_clean_name(layout: Layout, tmp_path: Path, name: str, file: str) -> None:
    (tmp_path / "1.dat").write_text(NOTEBOOK)
    first = start.prepare(Request(mode="previous", notebook=tmp_path / "1.dat", notebook_name=name), layout, no_clone)
    assert (first.page, (layout.work / file).read_text()) == (file, NOTEBOOK)


def test_a_notebook_that_is_gone_is_told(layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(StagingError, match="can't be read"):
        start.prepare(Request(mode="previous", notebook=tmp_path / "none", notebook_name="a"), layout, no_clone)


@pytest.mark.parametrize(
    ("files", "page"),
    [
        ({"README.md": "# Hello", "b.ipynb": NOTEBOOK}, "thing/README.md"),
        ({"deep/a.ipynb": "{}", "b.ipynb": NOTEBOOK}, "thing/b.ipynb"),
        ({".hidden/a.ipynb": NOTEBOOK, "code.py": ""}, "thing"),
    ],
)
def test_a_repository_opens_at_its_readme_or_first_notebook(layout: Layout, files: dict[str, str], page: str) -> None:
    def clone(address: str, reference: str, into: Path) -> Path:
        assert (address, reference) == ("https://host.example/a/thing", "v1")
        for name, content in files.items():
            file = into / "thing" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        return into / "thing"

    request = Request(mode="pull_repo", repository="https://host.example/a/thing", reference="v1")
    first = start.prepare(request, layout, clone)
    assert first.page == page
    assert first.problem == ""
    assert json.loads(first.notebook)["nbformat"] == 4


def test_a_repository_that_cannot_be_cloned_is_told_in_the_page_and_the_dataset(layout: Layout) -> None:
    def clone(address: str, reference: str, into: Path) -> Path:
        raise RepositoryError("There is no repository at https://host.example/a/b.", "Check its spelling.")

    first = start.prepare(Request(mode="pull_repo"), layout, clone)
    shown = json.loads((layout.work / first.page).read_text())
    assert shown == json.loads(first.notebook)
    assert "There is no repository at https://host.example/a/b." in shown["cells"][0]["source"]
    assert "no repository" in first.problem
