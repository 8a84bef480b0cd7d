"""`nebulab verify`: inputs, outputs and proof of an ONNX file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nebulab import dispatch

_FILE = click.Path(exists=True, path_type=Path)


@click.command()
@click.argument("model", type=_FILE)
@click.option("-a", "--against", type=_FILE, help="The original model, to be compared with on --sample.")
@click.option("-s", "--sample", type=_FILE, help="Rows to compare on: .npy, .csv, .tsv or .parquet.")
@click.option("--allow-pickle", is_flag=True, help="Read a pickle, which runs any code that it holds.")
def command(model: Path, against: Path | None, sample: Path | None, allow_pickle: bool) -> None:
    """Show what an ONNX file takes and gives, and its proof; or prove it anew.

    \b
      nebulab verify forest.onnx
      nebulab verify forest.onnx --against forest.skops --sample rows.npy

    Exit code: 0 proven, 1 not.
    """
    dispatch.hand_over(dispatch.KERNELS)
    from nebulab.models.files import verify

    verdict = verify(model, against, sample, allow_pickle=allow_pickle)
    click.echo(verdict.text)
    sys.exit(0 if verdict.proven else 1)
