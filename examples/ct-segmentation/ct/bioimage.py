"""The trained network as a package of bioimage.io, which ilastik, deepImageJ, Galaxy's own tool and others run.

`%pip install bioimageio.core` first; nothing is asked of the internet here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ct import data, plots

_CITED = "Saeedizadeh et al., COVID TV-Unet: Segmenting COVID-19 chest CT images using connectivity imposed Unet (2021)"
_DOI = "10.1016/j.cmpbup.2021.100007"
_TOLD = """# {name}

A U-Net that marks lesions in CT slices of lungs: 128 x 128 pixels in, for each two probabilities out (background,
lesion).

## Input
Hounsfield units as float32, in the order batch, y, x, channel: air is -1000, water 0. Mean and deviation of the images
that it was trained on are part of the network, so that no preprocessing is needed but the type.

## Validation
Look at Dice and IoU of the lesions, by patient, on patients who were not trained on: notebook 3 of the example computes
them.
{trained}

**This is no diagnosis**, and says nothing about real lungs if it was trained on drawn ones.
"""


def package(
    model: str | Path,
    images: np.ndarray,
    target: str | Path,
    *,
    name: str = "TV-U-Net for lesions in CT slices",
    authors: Sequence[str] = ("unknown",),
    trained: str = "It was trained on the synthetic thorax of Nebulab's example.",
) -> Path:
    """Write the package, a zip file, and return its path.

    Parameters
    ----------
    model
        The ONNX file that notebook 2 kept.
    images
        Slices in Hounsfield units, (n, rows, columns, 1); the one with the largest mask becomes the package's test.
    target
        Path of the zip file.
    authors
        Their names, as the package is to have them.
    trained
        What it was trained on, in a sentence.

    Raises
    ------
    FileNotFoundError
        There is no such model.
    ImportError
        bioimageio.spec is not installed.
    ValueError
        The images are of another size than the network takes.
    """
    import onnx
    import onnxruntime
    from bioimageio.spec import ValidationContext, save_bioimageio_package

    if not Path(model).is_file():
        raise FileNotFoundError(f"There is no model {str(model)!r}. Run notebook 2, which trains one.")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    entry, given = session.get_inputs()[0], np.asarray(images, "float32")
    if given.ndim != 4 or list(given.shape[1:]) != list(entry.shape[1:]):
        raise ValueError(f"The network takes {entry.shape[1:]}, the images have {list(given.shape[1:])} each.")
    (masks,) = session.run(None, {entry.name: given})
    best = int(masks[..., data.LESION].sum(axis=(1, 2)).argmax())
    with tempfile.TemporaryDirectory() as folder, ValidationContext(perform_io_checks=False):
        here = Path(folder)
        np.save(here / "test_input.npy", given[best : best + 1])
        # Computed alone, as whoever tests the package does.
        (alone,) = session.run(None, {entry.name: given[best : best + 1]})
        np.save(here / "test_output.npy", alone)
        figure = plots.masks(given[[best]], alone[..., data.LESION] >= 0.5, {}, [0])
        figure.set_size_inches(6, 3)
        figure.savefig(here / "cover.png", dpi=100)
        (here / "README.md").write_text(_TOLD.format(name=name, trained=trained), encoding="utf-8")
        opset = max(one.version for one in onnx.load(model, load_external_data=False).opset_import if not one.domain)
        described = _described(here, Path(model), (name, authors), opset, session)
        return Path(save_bioimageio_package(described, output_path=Path(target)))


def _described(here: Path, model: Path, about: tuple[str, Sequence[str]], opset: int, session: Any) -> Any:
    from bioimageio.spec.model import v0_5 as spec

    name, authors = about
    rows, columns = session.get_inputs()[0].shape[1:3]

    def axes(kind: str, channels: list[str]) -> list[Any]:
        space = spec.SpaceInputAxis if kind == "Input" else spec.SpaceOutputAxis
        return [
            spec.BatchAxis(),
            space(id=spec.AxisId("y"), size=rows),
            space(id=spec.AxisId("x"), size=columns),
            spec.ChannelAxis(channel_names=[spec.Identifier(channel) for channel in channels]),
        ]

    return spec.ModelDescr(
        name=name,
        description="Marks lesions in CT slices of lungs: a U-Net with total variation in its loss.",
        authors=[spec.Author(name=author) for author in authors],
        cite=[spec.CiteEntry(text=_CITED, doi=spec.Doi(_DOI))],
        license=spec.LicenseId("MIT"),
        tags=["segmentation", "ct", "lungs", "unet", "2d"],
        covers=[spec.FileDescr(source=here / "cover.png")],
        documentation=spec.FileDescr(source=here / "README.md"),
        inputs=[
            spec.InputTensorDescr(
                id=spec.TensorId("img"),
                description="A slice in Hounsfield units",
                axes=axes("Input", ["density"]),
                test_tensor=spec.FileDescr(source=here / "test_input.npy"),
                data=spec.IntervalOrRatioDataDescr(type="float32"),
                preprocessing=[spec.EnsureDtypeDescr(kwargs=spec.EnsureDtypeKwargs(dtype="float32"))],
            )
        ],
        outputs=[
            spec.OutputTensorDescr(
                id=spec.TensorId("mask"),
                description="How sure it is of each pixel",
                axes=axes("Output", ["background", "lesion"]),
                test_tensor=spec.FileDescr(source=here / "test_output.npy"),
                data=spec.IntervalOrRatioDataDescr(type="float32", range=(0.0, 1.0)),
            )
        ],
        weights=spec.WeightsDescr(onnx=spec.OnnxWeightsDescr(source=model, opset_version=opset)),
    )
