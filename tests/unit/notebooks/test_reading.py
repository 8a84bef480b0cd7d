"""What can be run: notebooks, marked and plain scripts, Markdown; what can't is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nebulab.errors import NotebookError
from nebulab.notebooks.reading import choose_kernel, read
from support import kernelspec


def sources(path: Path, name: str = "") -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in read(path, name=name).notebook.cells]


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_plain_script_is_one_cell(tmp_path: Path) -> None:
    """Cut at its empty lines it would behave in another way than by itself."""
    text = "import os\n\nfor x in range(3):\n\n    print(x)\n\nx\n"
    path = written(tmp_path, "script.py", text)
    assert sources(path) == [("code", text)]
    assert read(path).language == "python"


def test_a_script_with_marks_is_cut_at_them(tmp_path: Path) -> None:
    path = written(tmp_path, "marked.py", '# %% tags=["parameters"]\na = 1\n# %% [markdown]\n# Text\n# %%\nprint(a)\n')
    assert sources(path) == [("code", "a = 1"), ("markdown", "Text"), ("code", "print(a)")]
    assert read(path).notebook.cells[0].metadata.tags == ["parameters"]


def test_markdown_is_a_notebook(tmp_path: Path) -> None:
    path = written(tmp_path, "text.md", "# Title\n\n```python\na = 1\n```\n")
    assert ("code", "a = 1") in sources(path)


def test_a_script_in_r_asks_for_rs_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernelspec.provide(tmp_path, monkeypatch)
    program = read(written(tmp_path, "script.R", "x <- 1\n"))
    assert program.language == "R"
    with pytest.raises(NotebookError, match="written in R, and no kernel here runs that"):
        choose_kernel(program)


def test_a_dataset_without_an_ending_is_known_by_its_content(tmp_path: Path) -> None:
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    assert sources(written(tmp_path, "dataset_1.dat", json.dumps(notebook))) == []
    assert sources(written(tmp_path, "dataset_2.dat", "a = 1\n")) == [("code", "a = 1\n")]
    assert sources(written(tmp_path, "dataset_3.dat", "# Title\n\n```python\na = 1\n```\n"), "x.md")[-1] == (
        "code",
        "a = 1",
    )


@pytest.mark.parametrize("content", ["{", "{}", '{"cells": 3}', '{"nbformat": 4, "worksheets": 1}'])
def test_a_damaged_notebook_is_told(tmp_path: Path, content: str) -> None:
    with pytest.raises(NotebookError, match="is no notebook"):
        read(written(tmp_path, "broken.ipynb", content))


def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "picture.py"
    path.write_bytes(b"\x89PNG\xff")
    with pytest.raises(NotebookError, match="no text"):
        read(path)
    with pytest.raises(NotebookError, match="can't be read"):
        read(tmp_path / "absent.py")


def test_the_kernel_that_was_asked_for_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernelspec.provide(tmp_path, monkeypatch)
    program = read(written(tmp_path, "script.py", "1\n"))
    assert choose_kernel(program) == "python3"
    with pytest.raises(NotebookError, match="Did you mean 'python3'"):
        choose_kernel(program, kernel="pyton3")
