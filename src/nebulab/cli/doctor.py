"""`nebulab doctor`: check this machine."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from nebulab.accelerators.frameworks import DEFAULT_SECONDS
from nebulab.cli import options
from nebulab.stack.doctor import checks, gpus, tables
from nebulab.stack.settings import read_settings


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
        report = gpus.look(environment, seconds=seconds, data_dir=data_dir)
        if as_json:
            click.echo(json.dumps(report.to_json(), indent=2))
        else:
            tables.show_report(report)
        sys.exit(1 if report.good is False else 0)
    found = checks.run(read_settings({"data_dir": data_dir}))
    if as_json:
        click.echo(json.dumps([asdict(check) for check in found], indent=2))
    else:
        tables.show_checks(found)
    sys.exit(1 if any(check.good is False for check in found) else 0)
