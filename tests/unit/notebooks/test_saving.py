"""The notebook's file is whole at every moment, and what was saved is what a notebook library reads."""

from __future__ import annotations

from pathlib import Path

import nbformat

from nebulab.notebooks.client import join_streams
from nebulab.notebooks.saving import NotebookFile

V4 = nbformat.v4


def stream(text: str, name: str = "stdout") -> nbformat.NotebookNode:
    return V4.new_output("stream", name=name, text=text)


def notebook(count: int) -> nbformat.NotebookNode:
    cells = [V4.new_code_cell(f"print({place})\n'größe'") for place in range(count)]
    return V4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "P"}})


def test_what_is_saved_is_a_valid_notebook_after_every_cell(tmp_path: Path) -> None:
    made = notebook(4)
    path = tmp_path / "made.ipynb"
    with NotebookFile(made, path) as file:
        file.save()
        for place, cell in enumerate(made.cells):
            cell.outputs = [stream(f"{place}\nline\n")]
            cell.execution_count = place + 1
            file.cell_done(place, keep=False)
            file.save()
            read = nbformat.read(path, as_version=4)
            nbformat.validate(read)
            assert [len(one.outputs) for one in read.cells] == [1] * (place + 1) + [0] * (3 - place)
    assert nbformat.read(path, as_version=4) == made
    assert [file.name for file in tmp_path.iterdir()] == ["made.ipynb"]


def test_large_outputs_leave_the_memory_and_stay_in_the_file(tmp_path: Path) -> None:
    made = notebook(3)
    path = tmp_path / "made.ipynb"
    with NotebookFile(made, path) as file:
        for place, cell in enumerate(made.cells):
            cell.outputs = [stream("x" * 200_000)]
            file.cell_done(place, keep=place == 2)
        assert [len(cell.outputs) for cell in made.cells] == [0, 0, 1]
    read = nbformat.read(path, as_version=4)
    assert [len(cell.outputs[0].text) for cell in read.cells] == [200_000] * 3


def test_streams_are_joined_between_other_outputs(tmp_path: Path) -> None:
    cell = V4.new_code_cell("")
    shown = V4.new_output("display_data", data={"text/plain": "1"})
    cell.outputs = [stream("a"), stream("b\n"), stream("e", "stderr"), shown, stream("c")]
    join_streams(cell)
    assert [output.get("text") for output in cell.outputs] == ["ab\n", "e", None, "c"]


def test_a_bar_keeps_its_last_state() -> None:
    cell = V4.new_code_cell("")
    cell.outputs = [stream("start\n 10 %\r 50 %\r"), stream("100 %\nend ab\x08c\r\n")]
    join_streams(cell)
    assert cell.outputs[0].text == "start\n100 %\nend ac\r\n"
