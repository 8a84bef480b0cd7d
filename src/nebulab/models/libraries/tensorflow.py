"""TensorFlow's modules without Keras as ONNX, through tf2onnx, and SavedModels; runs in the kernel."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nebulab.errors import SettingsError
from nebulab.models.attempt import Attempt, CantExport, Output, Untrained, as_array, flattened
from nebulab.models.libraries.base import Library
from nebulab.models.libraries.networks import ROWS, TELL, harder, of_known_numbers, positional, quietly, unchanged
from nebulab.models.samples import Sample, accepted_by, sample_of


class TensorFlow(Library):
    """Modules of TensorFlow that are called with tensors."""

    kind = package = "tensorflow"
    classes = (("tensorflow", "Module"),)
    suffixes = (".zip",)
    folder_mark = "saved_model.pb"

    def attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        """Yield the only export: the module's call, for any number of rows."""
        with unchanged(model.variables):
            yield from self._attempts(model, namespace)

    def _attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        import tensorflow as tf
        import tf2onnx

        if not model.variables:
            raise Untrained("it has no weights")
        if not callable(model):
            raise CantExport("it has no __call__ to export")
        sample = _sample(model, namespace)
        if sample is None:
            raise CantExport(f"nothing tells its input: {TELL}")
        arguments = [as_array(argument)[:ROWS] for argument in positional(sample)]

        def again(feeds: Sequence[Any]) -> list[Output]:
            return [Output("call", array) for array in flattened(model(*(tf.constant(feed) for feed in feeds)))]

        expected = again(arguments)
        of_known_numbers((each.values.dtype for each in expected), "make its variables and its call of tf.float32")

        def write(path: Path) -> None:
            with quietly():
                traced = _traced(model, sample)
                tf2onnx.convert.from_function(
                    traced, input_signature=traced.input_signature, opset=18, output_path=str(path)
                )

        yield Attempt(write, arguments, expected, sample.source, again=again, harder=lambda: harder(arguments, again))

    def native(self, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
        """Write a SavedModel, zipped."""
        import tensorflow as tf

        saved = folder / f"{name}.savedmodel"
        sample = _sample(model, namespace) if callable(model) else None
        with quietly():
            tf.saved_model.save(model, str(saved), signatures=None if sample is None else _served(model, sample))
        shutil.make_archive(str(saved), "zip", saved)
        shutil.rmtree(saved)
        return Path(f"{saved}.zip"), "" if sample is not None else "perhaps the weights alone: nothing told its input"

    def read(self, path: Path) -> Any:
        """Return a module that calls the function of a SavedModel, zipped or as a folder."""
        if (path / self.folder_mark).is_file():
            return _saved_model(path)
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
            if not (Path(folder) / self.folder_mark).is_file():
                raise SettingsError(f"{path.name} is no zipped SavedModel.", "Give the file that a job has kept.")
            return _saved_model(Path(folder))


def _sample(model: Any, namespace: Mapping[str, Any]) -> Sample | None:
    import tensorflow as tf

    return sample_of(model) or accepted_by(lambda part: model(tf.constant(as_array(part)[:1])), namespace)


def _traced(model: Any, sample: Sample) -> Any:
    """Return the module's call as a `tf.function` for any number of rows."""
    import tensorflow as tf

    tensors = [tf.constant(as_array(argument)[:1]) for argument in sample.arguments]
    specs = [tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype) for tensor in tensors]
    return tf.function(lambda *given: model(*given), input_signature=specs)  # files name their inputs by `given`


def _served(model: Any, sample: Sample) -> Any:
    """Return the serving function; without one the SavedModel of a module in plain Python has weights alone."""
    import tensorflow as tf

    traced = _traced(model, sample)

    def serve(*given: Any) -> dict[str, Any]:
        answer = traced(*given)
        if isinstance(answer, dict):
            return answer
        return (
            {f"output_{index}": tensor for index, tensor in enumerate(answer)}
            if isinstance(answer, list | tuple)
            else {"output_0": answer}
        )

    return tf.function(serve, input_signature=traced.input_signature).get_concrete_function()


def _saved_model(path: Path) -> Any:
    """Return a module that calls the serving function of the SavedModel."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures.get("serving_default")
    if serve is None:
        raise SettingsError(
            f"{path.name} has no function for serving.", "Save it with one: tf.saved_model.save(…, signatures=…)."
        )
    names = list(serve.structured_input_signature[1])

    class Served(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.loaded, self.weights = loaded, list(serve.variables)

        def __call__(self, *inputs: Any) -> Any:
            return serve(**dict(zip(names, inputs, strict=True)))

    return Served()
