"""A program from its first cell to its harvest in a real kernel, and how it ends when somebody ends it."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

import nebulab
from nebulab.errors import CellFailed, NotebookError, RunStopped
from nebulab.notebooks.execution import Ending, Outcome, RunSettings, execute, raise_for
from nebulab.notebooks.log import RunLog
from nebulab.notebooks.reading import Program
from support import kernelspec

SLOW = "import numpy as np\nx = 5\nslow = [np.zeros(100) + place for place in range(9000)]"
"""Arrays one by one: a harvest of several seconds."""


@pytest.fixture(autouse=True)
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernelspec.provide(tmp_path / "jupyter", monkeypatch)
    monkeypatch.setenv("PYTHONPATH", str(Path(nebulab.__file__).parents[1]))


class Listening(io.StringIO):
    """A log's stream that does something when a word is written to it."""

    def __init__(self, word: str, do: Callable[[], None]) -> None:
        super().__init__()
        self._word, self._do = word, do
        self.heard_at = 0.0

    def write(self, text: str) -> int:
        if self._word in text and not self.heard_at:
            self._do()
            self.heard_at = time.monotonic()
        return super().write(text)


class Run:
    """Cells, run in a folder."""

    def __init__(self, folder: Path, *cells: str, stream: io.StringIO | None = None, **settings: Any) -> None:
        self.results = folder / "results"
        work = folder / "work"
        work.mkdir()
        self.stream = stream or io.StringIO()
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        output = self.results / "run.ipynb"
        chosen = RunSettings(work, output, "python3", self.results, export_models=False, **settings)
        self.outcome = execute(Program(notebook, "python", ""), chosen, RunLog(None, self.stream))
        self.ended_at = time.monotonic()

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.results / "harvest.json").read_text())
        return report

    def arrays(self) -> dict[str, Any]:
        values: dict[str, Any] = nebulab.load(self.results / "arrays.h5")
        return values


def test_all_cells_and_what_they_made(tmp_path: Path) -> None:
    run = Run(tmp_path, "x = 5", "print('here')\nopen('made.txt', 'w').write('text')")
    assert (run.outcome.ending, run.outcome.harvested) == (Ending.DONE, True)
    assert run.arrays() == {"x": 5}
    report = run.report()
    assert report["files"]["kept"] == ["made.txt"]
    assert report["run"]["ending"] == "all cells ran"
    assert nbformat.read(run.results / "run.ipynb", as_version=4).cells[1].outputs[0].text == "here\n"
    assert "collected in results: 1 array; 1 file" in run.stream.getvalue()


def test_a_failing_cell_is_the_end_and_what_was_there_is_kept(tmp_path: Path) -> None:
    run = Run(tmp_path, "x = 5", "1 / 0", "y = 6")
    assert (run.outcome.ending, run.outcome.cell) == (Ending.CELL_FAILED, 2)
    assert run.outcome.message.endswith("ZeroDivisionError: division by zero")
    assert run.arrays() == {"x": 5}


def test_advice_below_the_error_is_part_of_the_failure(tmp_path: Path) -> None:
    """As the kernel's extension prints it, in a session and in a job."""
    register = "from nebulab import kernel; kernel.load_ipython_extension(get_ipython())"
    run = Run(tmp_path, register, "print('before ' + 'it')\nimport a_package_that_nobody_has")
    assert run.outcome.message.endswith("A file of your own is found in the notebook's folder.")
    assert "%pip install a_package_that_nobody_has" in run.outcome.message
    assert "before it" not in run.outcome.message


def test_a_stop_while_results_are_collected_is_heeded_within_a_second(tmp_path: Path) -> None:
    stream = Listening("collecting results", lambda: None)
    stop = tmp_path / "stop"
    stream._do = lambda: _later(0.5, stop.touch)
    run = Run(tmp_path, SLOW, stream=stream, stop_file=stop)
    # Half a second until the stop, 0.3 s until the file is looked at.
    assert run.ended_at - stream.heard_at < 0.5 + 0.3 + 1 + 1.2, "the kernel's end aside"
    assert run.outcome.ending is Ending.STOPPED
    assert "collected" in run.outcome.message
    assert run.outcome.harvested
    assert run.arrays() == {"x": 5}
    slow = next(row for row in run.report()["globals"] if row["name"] == "slow")
    assert (slow["fate"], "stopped" in slow["reason"]) == ("not reached", True)


def test_sigterm_while_results_are_collected(tmp_path: Path) -> None:
    stream = Listening("collecting results", lambda: _later(0.5, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    run = Run(tmp_path, SLOW, stream=stream)
    assert run.outcome.ending is Ending.STOPPED
    assert run.arrays() == {"x": 5}


def test_the_time_limit_ends_the_harvest_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nebulab.notebooks.execution._STOPPED_HARVEST_SECONDS", 0.5)
    run = Run(tmp_path, SLOW, total_seconds=1.5)
    assert run.outcome.ending is Ending.TIME_LIMIT
    assert run.arrays() == {"x": 5}


def test_a_stopped_cell_leaves_time_for_a_short_harvest(tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    run = Run(tmp_path, "x = 5", f"open({str(stop)!r}, 'w').close()\nwhile True: pass", stop_file=stop)
    assert (run.outcome.ending, run.outcome.cell, run.outcome.harvested) == (Ending.STOPPED, 2, True)
    assert run.arrays() == {"x": 5}


def test_a_kernel_that_dies_takes_its_variables_along(tmp_path: Path) -> None:
    run = Run(tmp_path, "open('made.txt', 'w').close()\nimport os; os._exit(3)")
    assert run.outcome.ending is Ending.KERNEL_DIED
    assert "exit code 3" in run.outcome.message
    assert run.report()["files"]["kept"] == ["made.txt"]


def test_a_kernel_that_does_not_start_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match="does not start"):
        execute(
            Program(nbformat.v4.new_notebook(), "python", ""),
            RunSettings(work=tmp_path, output=tmp_path / "run.ipynb", kernel="nobody's"),
            RunLog(None, io.StringIO()),
        )


@pytest.mark.parametrize(
    ("ending", "error"),
    [
        (Ending.CELL_FAILED, CellFailed),
        (Ending.OUT_OF_MEMORY, NotebookError),
        (Ending.KERNEL_DIED, NotebookError),
        (Ending.STOPPED, RunStopped),
        (Ending.TIME_LIMIT, RunStopped),
        (Ending.CELL_TIMEOUT, RunStopped),
    ],
)
def test_an_end_that_is_no_success_is_an_error(ending: Ending, error: type[Exception]) -> None:
    raise_for(Outcome())
    with pytest.raises(error, match="what happened"):
        raise_for(Outcome(ending, message="what happened"))


def _later(seconds: float, do: Callable[[], None]) -> None:
    import threading

    threading.Timer(seconds, do).start()


def test_a_failure_is_told_in_one_line_and_without_the_libraries_frames(tmp_path: Path) -> None:
    run = Run(tmp_path, "import json", "def read(text):\n    return json.loads(text)\nread('{')", "print('never')")
    first, *rest = run.outcome.message.splitlines()
    assert first.startswith("Cell 2 of 3 failed: JSONDecodeError: Expecting property name enclosed in double quotes")
    assert rest[-1].startswith("JSONDecodeError: ")
    assert "in read(text)" in run.outcome.message
    assert "json/decoder.py" not in run.outcome.message
    # The notebook has all of it.
    shown = nbformat.read(run.results / "run.ipynb", as_version=4).cells[1].outputs[0]
    assert "json/decoder.py" in "".join(shown.traceback)
