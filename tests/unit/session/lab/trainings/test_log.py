"""A training's log and messages as figures, read from what the run really writes."""

from __future__ import annotations

from types import SimpleNamespace

from nebulab import contract
from nebulab.accelerators import caps
from nebulab.accelerators.diagnosis import Seen
from nebulab.accelerators.gpus import Look
from nebulab.accelerators.machine import Machine
from nebulab.notebooks.failure import describe
from nebulab.notebooks.usage import Usage
from nebulab.session.lab.trainings.log import device, failure, progress, seconds


def written(number: int, usage: Usage, clock: str = "00:00:03") -> str:
    return f"{clock}  {contract.cell_ran(number, 5, '1.0 s', usage.text())}\n          | printed\n"


def used(**fields: int) -> Usage:
    usage = Usage()
    for name, figure in fields.items():
        setattr(usage, name, figure)
    return usage


def test_the_last_cells_line_counts() -> None:
    usage = used(memory=2**30, peak_memory=2**31)
    text = written(1, usage) + written(2, usage, "01:02:05")
    assert progress(text) == {"cell": 2, "cells": 5, "memory": {"gb": 1.0, "peak_gb": 2.0}, "gpu": None}
    assert seconds(text) == 3725


def test_a_gpu_is_told_with_and_without_its_load() -> None:
    fields = {"gpu_memory": 2**30, "peak_gpu_memory": 2**31}
    told = progress(written(1, used(**fields)))
    assert told is not None
    assert told["gpu"] == {"percent": None, "gb": 1.0, "peak_gb": 2.0}
    told = progress(written(1, used(**fields, gpu_percent=97)))
    assert told is not None
    assert told["gpu"] == {"percent": 97, "gb": 1.0, "peak_gb": 2.0}


def test_what_it_computes_on_is_told_by_the_logs_beginning() -> None:
    said = caps.describe(Seen(Look(), Machine(), ()), None)
    assert device(f"Nebulab session: isolation none\n{said}\n") == "none; computing on the CPU"
    assert device("          | GPU: mine\n") == ""


def test_what_a_cell_prints_is_no_figure() -> None:
    text = "          | 00:00:01  cell 1/2 ran in 1 s  memory 1.00 GB (peak 1.00)\n"
    assert progress(text) is None
    assert seconds(text) is None
    assert (progress(""), seconds("")) == (None, None)


def test_a_failing_cell_is_told_in_parts() -> None:
    error = SimpleNamespace(ename="KeyError", evalue="'missing'")
    cell = {"source": "frame['missing']", "outputs": [{"output_type": "error", "traceback": ["KeyError: 'missing'"]}]}
    text = describe(2, 3, cell, error)
    told = failure(f"a warning before\n{text}")
    assert (told["cell"], told["cells"], told["reason"]) == (2, 3, "KeyError: 'missing'")
    assert told["text"] == text
    assert "frame['missing']" in told["text"]


def test_another_failure_has_no_cell() -> None:
    told = failure("\nThe kernel died.\nRead the data in parts.")
    assert (told["cell"], told["reason"]) == (None, "The kernel died.")
    assert failure("")["text"] == ""
