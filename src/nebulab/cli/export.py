"""`nebulab export`: a saved model as ONNX, with proof."""

from __future__ import annotations

from pathlib import Path

import click

from nebulab import dispatch

_FILE = click.Path(exists=True, path_type=Path)


@click.command()
@click.argument("model", type=_FILE)
@click.option("-s", "--sample", type=_FILE, help="Rows to prove it on: .npy, .csv, .tsv or .parquet.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for the result.  [default: the model's]")
@click.option("--allow-pickle", is_flag=True, help="Read a pickle, which runs any code that it holds.")
def command(model: Path, sample: Path | None, output: Path | None, allow_pickle: bool) -> None:
    """Export a saved model to ONNX, and check that it gives the same predictions.

    \b
    MODEL is one of:
      .keras, .h5          Keras
      .skops               scikit-learn
      .ubj, .json          XGBoost
      .txt                 LightGBM
      .cbm                 CatBoost
      a folder, .zip       SavedModel
      .pickle, .joblib     with --allow-pickle

    It runs in the kernels' environment, in a session with the packages that you
    added. The ONNX file goes to models/, its card to cards/; what can't
    be proven is kept in its own format, and the reason is told.
    """
    dispatch.hand_over(dispatch.KERNELS)
    from nebulab.models.files import export

    for file in export(model, sample, output or model.parent, allow_pickle=allow_pickle):
        click.echo(file)
