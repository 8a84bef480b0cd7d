"""The app of `app.ipynb`: a slice, the network's mask over it, a threshold, its area, and the mask as a file."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ct import data, slices

MODEL = "trained/models/tv_unet.onnx"
_SHOWN_SIDE = 512
_WINDOW = (-1000.0, 400.0)
_TYPES = ".png,.jpg,.jpeg,.tif,.tiff,.dcm,.nii,.gz,.npy,.h5,.hdf5"


class Segmenter:
    """The trained network, computed by ONNX Runtime.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It takes no slices: another model.
    """

    def __init__(self, model: str | Path = MODEL) -> None:
        import onnxruntime

        if not Path(model).is_file():
            raise FileNotFoundError(
                f"There is no model {str(model)!r}. Run notebook 2, which trains one; or get one from your history: "
                f"`get(NUMBER)` of the dataset, and give its path."
            )
        self._session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0]
        shape, made = self._input.shape, self._session.get_outputs()[0].shape
        if len(shape) != 4 or shape[1] != shape[2] or shape[3] != 1 or len(made) != 4 or made[3] <= data.LESION:
            raise ValueError(f"{model} takes {shape} and gives {made}, which is no network of this example.")

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return how sure the network is of a lesion at each pixel, (rows, columns), of a slice in Hounsfield units."""
        side = int(self._input.shape[1])
        given = slices.squared(values, side)[None, :, :, None]
        (masks,) = self._session.run(None, {self._input.name: given})
        return slices.unsquared(masks[0, ..., data.LESION], (values.shape[0], values.shape[1]))


def examples(file: str | Path) -> dict[str, np.ndarray]:
    """Return slices with lesions by their names: of the test's patients, else newly drawn ones."""
    from ct import plots, thorax

    if Path(file).is_file():
        part = data.load(file, "test")
        chosen = plots.worth_seeing(part.lesions, part.patients, most=6)
        of = chosen if part.patients is None else part.patients[chosen]
        return {
            f"patient {who}, slice {number}": part.images[number, ..., 0]
            for who, number in zip(of, chosen, strict=True)
        }
    drawn, lesions = thorax.patient(seed=7, number=0)
    largest = plots.worth_seeing(lesions[..., data.LESION] > 0.5, most=3)
    return {f"a drawn one, slice {number}": drawn[number, ..., 0] for number in sorted(largest)}


def show(model: str | Path = MODEL, file: str | Path = "h5_datasets/ct.h5", threshold: float = 0.5) -> Any:
    """Return the app; where there is no model, a word on how to get one."""
    import ipywidgets as widgets

    try:
        found = Segmenter(model)
    except (OSError, ValueError) as error:
        return widgets.HTML(_told("alert", str(error)))
    return _App(found, examples(file), threshold).box


class _App:
    """Its widgets and what they show. Whatever a file holds, the app goes on."""

    def __init__(self, segmenter: Segmenter, known: dict[str, np.ndarray], threshold: float) -> None:
        import ipywidgets as widgets

        self._segmenter, self._known = segmenter, known
        wide = {"description_width": "initial"}
        self._chosen = widgets.Dropdown(options=list(known), description="Example slice", style=wide)
        self._upload = widgets.FileUpload(accept=_TYPES, multiple=False, description="Your own slice")
        self._threshold = widgets.FloatSlider(
            threshold, min=0.01, max=0.99, step=0.01, description="Threshold", style=wide, continuous_update=False
        )
        self._said, self._picture, self._link = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._slice = slices.Slice(np.zeros((16, 16), "float32"), None, ())
        self._found = np.zeros((16, 16), "float32")
        self._name = ""
        self._chosen.observe(lambda _: self._take_example(), "value")
        self._upload.observe(lambda _: self._take_upload(), "value")
        self._threshold.observe(lambda _: self._draw(), "value")
        self.box = widgets.VBox(
            [widgets.HBox([self._chosen, self._upload]), self._threshold, self._said, self._picture, self._link]
        )
        self._take_example()

    def _take_example(self) -> None:
        name = self._chosen.value
        self._take(name, slices.Slice(self._known[name], None, ()))

    def _take_upload(self) -> None:
        for file in self._files():
            name, content = str(file["name"]), bytes(file["content"])
            self._said.value = _told("status", f"{name} is read …")
            try:
                self._take(name, slices.read(content))
            except slices.SliceError as error:
                self._said.value = _told("alert", f"{name} was not taken. {error}")
            except Exception as error:  # noqa: BLE001 - a callback that raises would end silently
                self._said.value = _told("alert", f"{name} was not taken: {error or type(error).__name__}")

    def _files(self) -> Iterator[Any]:
        files = self._upload.value
        if files:
            yield files[0]
            # So that the same file can be given again, and its bytes are not kept.
            self._upload.value = ()

    def _take(self, name: str, taken: slices.Slice) -> None:
        found = self._segmenter(taken.values)
        self._name, self._slice, self._found = name, taken, found
        self._draw()

    def _draw(self) -> None:
        marked = self._found >= self._threshold.value
        self._said.value = _told("status", self._sentence(marked))
        picture = _overlaid(self._slice.values, marked)
        self._picture.value = (
            f'<img alt="The slice {html.escape(self._name)}, with its mask in orange" style="max-width:100%" '
            f'src="{_address(picture)}">'
        )
        stem = Path(self._name).name.partition(".")[0].replace(" ", "_") or "slice"
        name = html.escape(f"{stem}_mask.png")
        address = _address(marked.astype("uint8") * 255)
        self._link.value = f'<a class="ct-mask" download="{name}" href="{address}">Download the mask ({name})</a>'

    def _sentence(self, marked: np.ndarray) -> str:
        pixels = int(np.count_nonzero(marked))
        area = f"{pixels} of {marked.size} pixels are marked ({pixels / marked.size:.1%})"
        if self._slice.pixel:
            area += f", {pixels * self._slice.pixel[0] * self._slice.pixel[1] / 100:.1f} cm²"
        rows, columns = marked.shape
        remarks = "".join(f"; {remark}" for remark in self._slice.remarks)
        return f"{self._name} ({rows} x {columns} pixels{remarks}): {area}."


def _told(role: str, text: str) -> str:
    return f'<div role="{role}">{html.escape(text)}</div>'


def _overlaid(values: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """Return a picture (rows, columns, 3) of at least the shown size, with orange over what is marked."""
    low, high = _WINDOW
    grey = (np.clip((values - low) / (high - low), 0, 1) * 255)[..., None]
    orange = np.array([255.0, 140.0, 0.0])
    picture = np.where(marked[..., None], 0.45 * grey + 0.55 * orange, grey).astype("uint8")
    times = max(1, _SHOWN_SIDE // max(marked.shape))
    larger: np.ndarray = picture.repeat(times, axis=0).repeat(times, axis=1)
    return larger


def _address(picture: np.ndarray) -> str:
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(picture).save(written, "PNG")
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"
