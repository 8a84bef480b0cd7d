"""Cells' output as it comes and as it is kept; code of ours in a kernel that may die or hang."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import nbformat
import pytest

from nebulab.notebooks.client import Client, join_streams, save_images
from support import kernelspec

V4 = nbformat.v4


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        (["a", "b\n"], ["ab\n"]),
        (["10%\r", "20%\r", "done\n"], ["done\n"]),
        (["abc\x08\x08\x08xyz"], ["xyz"]),
        (["line\r\n", "next"], ["line\r\nnext"]),
    ],
)
def test_one_stream_is_one_output_as_a_terminal_shows_it(printed: list[str], kept: list[str]) -> None:
    cell = V4.new_code_cell(outputs=[V4.new_output("stream", name="stdout", text=text) for text in printed])
    join_streams(cell)
    assert [output.text for output in cell.outputs] == kept


def test_other_outputs_stand_between_streams() -> None:
    picture = V4.new_output("display_data", data={"text/plain": "x"})
    outputs = [
        V4.new_output("stream", name="stdout", text="a"),
        V4.new_output("stream", name="stderr", text="b"),
        picture,
        V4.new_output("stream", name="stderr", text="c"),
    ]
    cell = V4.new_code_cell(outputs=outputs)
    join_streams(cell)
    assert [output.get("text") for output in cell.outputs] == ["a", "b", None, "c"]


def test_images_of_other_languages_are_files(tmp_path: Path) -> None:
    svg = ["<svg>", "</svg>"]
    data = {"image/png": base64.b64encode(b"PNG").decode(), "image/svg+xml": svg}
    cell = V4.new_code_cell(outputs=[V4.new_output("display_data", data=data)])
    save_images(cell, tmp_path / "figures", 3)
    assert (tmp_path / "figures" / "cell-003-1.png").read_bytes() == b"PNG"
    assert (tmp_path / "figures" / "cell-003-2.svg").read_text() == "<svg></svg>"


def test_calls_into_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One kernel: what ends well, raises, takes too long, kills the kernel."""
    kernelspec.provide(tmp_path / "jupyter", monkeypatch)
    printed: list[str] = []
    sockets = tmp_path / "s"
    sockets.mkdir()

    async def run() -> list[Any]:
        notebook = V4.new_notebook(
            cells=[V4.new_code_cell("from IPython.display import display\ndisplay(1, display_id='bar')")]
        )
        client = Client(notebook, printed=printed.append, sockets=sockets, kernel_name="python3")
        async with client.async_setup_kernel():
            assert client.km.transport == "ipc"
            await client.async_execute_cell(notebook.cells[0], 0)
            answers: list[Any] = [client.may_change(0), client.may_change(1)]
            answers.append(await client.call("print('hello'); x = 5", 10))
            answers.append(await client.call("raise ValueError('odd')", 10))
            with pytest.raises(TimeoutError):
                await client.call("import time; time.sleep(2)", 0.2)
            answers.append(await client.call("import os; os._exit(0)", 30))
        return answers

    assert asyncio.run(run()) == [True, False, True, False, False]
    assert "hello" in "".join(printed)
    assert "ValueError" in "".join(printed)
