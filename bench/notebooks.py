"""Notebooks: `nebulab run` against papermill, on many cells and on much output, in turn."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from bench.table import Row

CELLS = 500
OUTPUT_MIB = 50
ROUNDS = 2
_TIME_GOAL = 1.05
_MEMORY_GOAL = 0.5

# Each runs in a process of its own, which prints its seconds and its peak of memory, without the kernel's.
_OURS = """
from pathlib import Path
from nebulab.notebooks import run
run(Path("in.ipynb"), output=Path("out.ipynb"), kernel="bench", harvest=False, quiet=True)
"""
_THEIRS = """
import papermill
papermill.execute_notebook("in.ipynb", "out.ipynb", kernel_name="bench", progress_bar=False)
"""
_MEASURED = """
import json, re, time
begun = time.perf_counter()
{code}
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
print(json.dumps([time.perf_counter() - begun, peak]))
"""


def measure(environments: Path, work: Path) -> list[Row]:
    """Run both notebooks with both runners, from the Lab's environment, in a kernel of the kernels' environment."""
    spec = work / "share" / "kernels" / "bench"
    spec.mkdir(parents=True)
    python = str(environments / "kernels" / "bin" / "python")
    argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "bench", "language": "python"}))
    many = [f"x = {number}\nprint(x)" for number in range(CELLS)]
    line = "print('0123456789abcdef' * 4096)\n"
    much = [line * 16 for _ in range(OUTPUT_MIB)]
    cells, output = (_compare(name, sources, environments, work) for name, sources in (("many", many), ("much", much)))
    return [
        Row.at_most(f"{CELLS} cells", cells[0], cells[2], "s", "papermill", goal=_TIME_GOAL),
        Row.at_most(f"{OUTPUT_MIB} MB of output: time", output[0], output[2], "s", "papermill", goal=_TIME_GOAL),
        Row.at_most(f"{OUTPUT_MIB} MB of output: memory", output[1], output[3], "MiB", "papermill", goal=_MEMORY_GOAL),
    ]


def _compare(name: str, sources: list[str], environments: Path, work: Path) -> tuple[float, float, float, float]:
    folder = work / name
    folder.mkdir()
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for n, source in enumerate(sources)
    ]
    specification = {"name": "bench", "display_name": "bench", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": specification}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "in.ipynb").write_text(json.dumps(notebook))
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(_run(_OURS, folder, environments, work))
        theirs.append(_run(_THEIRS, folder, environments, work))
    best = [[min(values) for values in zip(*rounds, strict=True)] for rounds in (ours, theirs)]
    return best[0][0], best[0][1], best[1][0], best[1][1]


def _run(code: str, folder: Path, environments: Path, work: Path) -> tuple[float, float]:
    finished = subprocess.run(
        [str(environments / "lab" / "bin" / "python"), "-c", _MEASURED.format(code=code)],
        cwd=folder,
        env=os.environ | {"JUPYTER_PATH": str(work / "share"), "JUPYTER_RUNTIME_DIR": str(work / "runtime")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    seconds, peak = json.loads(finished.stdout.splitlines()[-1])
    return seconds, peak
