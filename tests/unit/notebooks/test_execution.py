"""A notebook run without a browser, in a real kernel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nebulab.errors import CellFailed, NotebookError
from nebulab.notebooks.execution import execute


@pytest.fixture(autouse=True)
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one kernelspec, as a session makes it."""
    folder = tmp_path / "share" / "kernels" / "python3"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


def notebook(folder: Path, *cells: str, metadata: dict[str, Any] | None = None, tags: tuple[str, ...] = ()) -> Path:
    path = folder / "work" / "analysis.ipynb"
    path.parent.mkdir(exist_ok=True)
    code = [
        {"cell_type": "code", "id": f"c{number}", "source": source, "outputs": [], "execution_count": None}
        | {"metadata": {"tags": list(tags)}}
        for number, source in enumerate(cells)
    ]
    text = {"cell_type": "markdown", "id": "text", "source": "# Analysis", "metadata": {}}
    content = {"cells": [text, *code], "metadata": metadata or {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content))
    return path


def outputs(path: Path) -> list[list[dict]]:
    return [cell["outputs"] for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def test_a_notebook_is_run_in_its_folder_and_saved_in_place(tmp_path: Path) -> None:
    path = notebook(tmp_path, "x = 20", "open('made.txt', 'w').write('here')", "x + 22")
    execute(path)
    assert outputs(path)[2][0]["data"]["text/plain"] == ["42"]
    assert (path.parent / "made.txt").read_text() == "here"
    assert sorted(file.name for file in path.parent.iterdir()) == ["analysis.ipynb", "made.txt"]


def test_a_failing_cell_is_told_with_its_source_and_the_tracebacks_end(tmp_path: Path) -> None:
    path = notebook(tmp_path, "print('kept')", "numbers = []\nsum(numbers) / len(numbers)", "print('never')")
    with pytest.raises(CellFailed) as failed:
        execute(path)
    message = str(failed.value)
    assert message.startswith("Cell 3 failed:\n\nnumbers = []\nsum(numbers) / len(numbers)")
    assert message.endswith("ZeroDivisionError: division by zero")
    assert "\x1b" not in message
    kept, error, never = outputs(path)
    assert kept[0]["text"] == ["kept\n"]
    assert error[0]["ename"] == "ZeroDivisionError"
    assert never == []


def test_a_cell_that_may_fail_does_not_end_the_run(tmp_path: Path) -> None:
    path = notebook(tmp_path, "1 / 0", "1 + 1", tags=("raises-exception",))
    execute(path)
    assert outputs(path)[1][0]["data"]["text/plain"] == ["2"]


def test_every_cell_is_on_disk_before_the_next_one_starts(tmp_path: Path) -> None:
    """The second cell reads the notebook that it is part of."""
    path = notebook(
        tmp_path, "print('first')", "import json; print(json.load(open('analysis.ipynb'))['cells'][1]['outputs'])"
    )
    execute(path)
    assert "first" in "".join(outputs(path)[1][0]["text"])


def test_a_kernel_that_dies_is_told_with_the_cell(tmp_path: Path) -> None:
    path = notebook(tmp_path, "print('kept')", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(NotebookError, match=r"(?s)kernel died in cell 3.*os\.kill"):
        execute(path)
    assert outputs(path)[0][0]["text"] == ["kept\n"]


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"cells": 1}'])
def test_what_is_no_notebook_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(content)
    with pytest.raises(NotebookError, match="is no notebook"):
        execute(path)
    assert path.read_text() == content


def test_a_notebook_in_another_language_is_told(tmp_path: Path) -> None:
    path = notebook(tmp_path, "x <- 1", metadata={"kernelspec": {"name": "ir", "language": "R", "display_name": "R"}})
    with pytest.raises(NotebookError, match="written in R"):
        execute(path)


def test_a_notebook_for_a_kernel_of_another_name_is_run(tmp_path: Path) -> None:
    metadata = {"kernelspec": {"name": "conda-env-ml", "language": "python", "display_name": "ML"}}
    path = notebook(tmp_path, "1 + 1", metadata=metadata)
    execute(path)
    assert outputs(path)[0]


def test_a_long_cell_is_shortened_in_the_message(tmp_path: Path) -> None:
    path = notebook(tmp_path, "\n".join(["x = 1"] * 100 + ["1 / 0"]))
    with pytest.raises(CellFailed, match="71 more lines"):
        execute(path)


def test_the_command_writes_the_failure_for_the_session(tmp_path: Path) -> None:
    path = notebook(tmp_path, "1 / 0")
    command = [sys.executable, "-m", "nebulab.notebooks", str(path), "--failure", str(tmp_path / "failure.txt")]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1
    assert (tmp_path / "failure.txt").read_text().startswith("Cell 2 failed:")
