"""`nebulab doctor`: check this machine."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nebulab import checkout
from nebulab.accelerators import report
from nebulab.accelerators.caps import CAPS
from nebulab.accelerators.frameworks import DEFAULT_SECONDS, View
from nebulab.accelerators.gpus import Gpu, MigSlice
from nebulab.cli import options
from nebulab.stack.doctor import checks
from nebulab.stack.settings import read_settings

_MARKS = {True: "[green]ok[/green]", None: "[yellow]without[/yellow]", False: "[red]wanting[/red]"}
_GIB = 2**30


@click.command
@click.option("--gpu", is_flag=True, help="Look at the GPUs, and at what each framework sees of them; half a minute.")
@click.option(
    "--environment",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="With --gpu: the Python environment whose frameworks are asked.  [default: the kernels']",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=DEFAULT_SECONDS,
    show_default=True,
    help="With --gpu: what one framework may take.",
)
@options.data_dir
@options.as_json
def command(gpu: bool, environment: Path | None, seconds: float, data_dir: Path | None, as_json: bool) -> None:
    """Check this machine, and say what each missing thing costs.

    \b
    Examples:
      nebulab doctor
      nebulab doctor --json      [{"name", "good", "found", "costs"}, …]
      nebulab doctor --gpu       is the GPU used, and if not, what to do
      nebulab doctor --gpu --environment ~/my-venv
      nebulab doctor --gpu --json    {"good", "gpus", "frameworks", "findings", …}

    Things marked "without" can be done without; the exit code is 1 if something
    that the stack needs is wanting.

    With --gpu TensorFlow, PyTorch, JAX, ONNX Runtime and XGBoost are each loaded
    and compute something small. The exit code is 1 if a GPU that is there can't
    be used, or a framework that is built for it fails on it; 0 on a machine
    without a GPU, and for a framework that is built without CUDA.
    """
    if gpu:
        _gpus(environment, seconds, data_dir, as_json)
    found = checks.run(read_settings({"data_dir": data_dir}))
    if as_json:
        click.echo(json.dumps([asdict(check) for check in found], indent=2))
    else:
        table = Table(box=None, pad_edge=False)
        for title in ("", "", "found", "costs"):
            table.add_column(title, overflow="fold")
        for check in found:
            table.add_row(_MARKS[check.good], check.name, check.found, "" if check.good else check.costs)
        Console(highlight=False).print(table)
    sys.exit(1 if any(check.good is False for check in found) else 0)


def _gpus(environment: Path | None, seconds: float, data_dir: Path | None, as_json: bool) -> None:
    settings = read_settings({"data_dir": data_dir}) if checkout.find() is not None else None
    python = checks.kernels_python(environment, settings)
    waiting = Console(stderr=True)
    with waiting.status("Looking at the GPUs") as status:
        made = report.make(python, seconds=seconds, begins=lambda title: status.update(f"Asking {title}"))
    if as_json:
        click.echo(json.dumps(made.to_json(), indent=2))
    else:
        Console(highlight=False).print(_shown(made))
    sys.exit(1 if made.good is False else 0)


def _shown(made: report.Report) -> Group:
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
    return Group(*shown)


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
