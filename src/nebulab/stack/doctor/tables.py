"""The tables of `nebulab doctor`: the machine, its GPUs and the frameworks; runs in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nebulab.accelerators.caps import CAPS
from nebulab.accelerators.frameworks import View
from nebulab.accelerators.gpus import Gpu, MigSlice
from nebulab.accelerators.report import Report
from nebulab.stack.doctor.checks import Check

_MARKS = {True: "[green]ok[/green]", None: "[yellow]without[/yellow]", False: "[red]wanting[/red]"}
_GIB = 2**30
_WIDE = 500


def show_checks(found: Sequence[Check], console: Console | None = None) -> None:
    """Print what was found of the machine, a line each, and then what is missing in full, with what that costs."""
    # A program that reads this has no width, and gets whole lines.
    console = console or Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    table = Table(box=None, pad_edge=False, show_header=False)
    mark, name = len("wanting"), max(len(check.name) for check in found)
    table.add_column(no_wrap=True, min_width=mark)
    table.add_column(no_wrap=True, min_width=name)
    # Of a line that is too long, what was found is cut; without a width rich would cut the others too.
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=max(console.width - mark - name - 2, 1))
    for check in found:
        table.add_row(_MARKS[check.good], check.name, Text(check.found))
    console.print(table)
    for check in found:
        if not check.good:
            title = Text.from_markup(f"\n{_MARKS[check.good]}  ").append(f"{check.name}: {check.found}")
            console.print(title, Padding(Text(f"What it costs: {check.costs}"), (0, 0, 0, 4)))


def show_report(made: Report) -> None:
    """Print what was found of the GPUs and the frameworks, and what to do."""
    shown: list[RenderableType] = []
    look = made.seen.look
    if look.gpus:
        shown += [f"Driver {look.driver}, for CUDA up to {look.cuda}", "", _gpu_table(look.gpus), ""]
    if made.python is None:
        shown += ["The kernels' environment is not installed yet: `nebulab up` does it.", ""]
    else:
        shown += [Text(f"In {made.python.parents[1]}:", overflow="fold"), "", _framework_table(made.views), ""]
    for finding in made.findings:
        text = Text.from_markup(f"{_MARKS[False if finding.serious else None]}  ").append(finding.text)
        shown += [text, Padding(Text(finding.remedy), (0, 0, 1, 4))]
    if not made.findings:
        shown.append("[green]Every framework that is installed uses the GPU.[/green]")
    Console(highlight=False).print(Group(*shown))


def _gpu_table(gpus: tuple[Gpu, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("", "GPU", "memory used", "load", "processes", "°C", "W", ""):
        table.add_column(title, overflow="fold", justify="right" if title and title != "GPU" else "left")
    for gpu in gpus:
        table.add_row(
            str(gpu.index),
            gpu.name or (gpu.trouble.value if gpu.trouble else ""),
            _memory(gpu),
            _figure(gpu.percent, " %"),
            _figure(gpu.processes),
            _figure(gpu.celsius),
            "" if gpu.watts is None else f"{gpu.watts:.0f}",
            "" if gpu.visible else "hidden by CUDA_VISIBLE_DEVICES",
        )
        for part in gpu.slices:
            table.add_row(
                "", f"  slice {part.profile}", _memory(part), "", "", "", "", "" if part.visible else "hidden"
            )
    return table


def _framework_table(views: tuple[View, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("framework", "version", "built for", "sees", "computes on", "memory cap"):
        table.add_column(title, overflow="fold")
    caps = {cap.name: "kept" if cap.enforced else "a request" for cap in CAPS}
    for view in views:
        if not view.installed:
            table.add_row(view.title, Text(view.error or "not installed"))
            continue
        built = f"CUDA {view.cuda}".strip() if view.cuda_build else "the processor" if view.works else ""
        sees = "" if view.gpus is None else f"{view.gpus} GPU" + ("" if view.gpus == 1 else "s")
        computes = view.device if view.works else f"nothing: {view.error.splitlines()[0][:200]}"
        table.add_row(view.title, view.version, built, sees, Text(computes), caps[view.name])
    return table


def _memory(part: Gpu | MigSlice) -> str:
    if part.memory_total is None or part.memory_used is None:
        return ""
    return f"{part.memory_used / _GIB:.1f} of {part.memory_total / _GIB:.1f} GiB"


def _figure(value: int | None, unit: str = "") -> str:
    return "" if value is None else f"{value}{unit}"
