"""A predictor from an ONNX file: takes data frames and arrays, on the GPU if there is one; runs in the kernel."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nebulab.accelerators.caps import onnxruntime_options
from nebulab.errors import SettingsError
from nebulab.models.card import METADATA_KEY
from nebulab.models.proof import as_dense

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
    "tensor(string)": object,
}


class Predictor:
    """A model from an ONNX file; called with its inputs it returns its outputs.

    Parameters
    ----------
    path
        The ONNX file.
    threads
        Processors for one prediction; by default those that this process may run on, where ONNX Runtime's own default
        is all of the machine's.

    Raises
    ------
    SettingsError
        The file is no ONNX model.
    """

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
        wanted = {"CUDAExecutionProvider": onnxruntime_options(os.environ), "CPUExecutionProvider": {}}
        available = [item for item in wanted.items() if item[0] in onnxruntime.get_available_providers()]
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=available)
        except Exception as error:
            raise SettingsError(
                f"{path} is no ONNX model that can be run: {error}", "Was it downloaded whole?"
            ) from error
        text = self.session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        self.card: dict[str, Any] | None = json.loads(text) if text else None
        """The model card, if Nebulab made the file."""

    @property
    def inputs(self) -> dict[str, str]:
        """The inputs' types and shapes by name."""
        return {value.name: f"{value.type} {value.shape}" for value in self.session.get_inputs()}

    @property
    def outputs(self) -> list[str]:
        """The outputs' names."""
        return [value.name for value in self.session.get_outputs()]

    @property
    def device(self) -> str:
        """`GPU` or `CPU`."""
        return "GPU" if "CUDAExecutionProvider" in self.session.get_providers() else "CPU"

    def run(self, *data: Any, **named: Any) -> dict[str, np.ndarray]:
        """Return all outputs by name.

        Parameters
        ----------
        data
            A data frame, or the inputs in order; the first axis is the rows.
        named
            The inputs by name instead.
        """
        values = self.session.run(None, self._feeds(data, named))
        return dict(zip(self.outputs, map(as_dense, values), strict=True))

    def predict(self, *data: Any, **named: Any) -> np.ndarray:
        """Return the first output: a classifier's labels, a regressor's values, a network's answer.

        A table of one column becomes a plain list of values, as scikit-learn's `predict` returns it.
        """
        first = next(iter(self.run(*data, **named).values()))
        original = (((self.card or {}).get("proof") or {}).get("outputs") or [{}])[0]
        if original.get("original") != "predict":
            return first
        return as_labels(first.ravel() if first.ndim == 2 and first.shape[1] == 1 else first, original.get("dtype", ""))

    __call__ = predict

    def predict_proba(self, *data: Any, **named: Any) -> np.ndarray:
        """Return a classifier's probabilities, one column a class.

        Raises
        ------
        SettingsError
            The model gives none.
        """
        outputs = self.run(*data, **named)
        for compared in ((self.card or {}).get("proof") or {}).get("outputs") or []:
            if compared["original"] == "predict_proba":
                return outputs[compared["output"]]
        if "probabilities" in outputs:
            return outputs["probabilities"]
        raise SettingsError("This model gives no probabilities.", f"Its outputs are: {', '.join(self.outputs)}.")

    def __repr__(self) -> str:
        name = (self.card or {}).get("name", "model")
        verified = "verified" if (self.card or {}).get("verified") else "not verified"
        return f"<{name} ({verified}): {', '.join(self.inputs)} -> {', '.join(self.outputs)}, on the {self.device}>"

    def _feeds(self, data: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, np.ndarray]:
        inputs = {value.name: value for value in self.session.get_inputs()}
        if len(data) == 1 and hasattr(data[0], "columns"):
            frame = data[0]
            if set(inputs) <= set(map(str, frame.columns)):
                feeds = {name: np.asarray(frame[name]).reshape(-1, 1) for name in inputs}
            elif len(inputs) == 1:
                feeds = {next(iter(inputs)): np.asarray(frame[self._columns(frame)])}
            else:
                missing = sorted(set(inputs) - set(map(str, frame.columns)))
                raise SettingsError(
                    f"The data frame lacks the columns {', '.join(missing)}.", f"It needs: {', '.join(inputs)}."
                )
        else:
            feeds = dict(zip(inputs, data, strict=False)) | dict(named)
        if set(feeds) != set(inputs):
            raise SettingsError(
                f"The model has {len(inputs)} inputs and got {len(feeds)}.",
                "They are: " + "; ".join(f"{name}: {text}" for name, text in self.inputs.items()) + ".",
            )
        return {name: _typed(value, inputs[name]) for name, value in feeds.items()}

    def _columns(self, frame: Any) -> list[str]:
        columns = ((self.card or {}).get("inputs") or [{}])[0].get("columns")
        if not columns:
            return list(frame.columns)
        missing = [name for name in columns if name not in frame.columns]
        if missing:
            raise SettingsError(
                f"The data frame lacks the columns {', '.join(missing)}.", f"It needs: {', '.join(columns)}."
            )
        return list(columns)


def as_labels(values: np.ndarray, dtype: str) -> np.ndarray:
    """Return labels in the data type of the original's, as its card has it; ONNX has int64 and texts alone."""
    if not dtype or np.dtype(dtype).kind not in "biufU":
        return values
    # A text's type has a length, which is that of the sample's longest.
    return values.astype(str if np.dtype(dtype).kind == "U" else dtype)


def _typed(value: Any, wanted: Any) -> np.ndarray:
    kind = _TYPES.get(wanted.type)
    array = np.asarray(value.toarray() if hasattr(value, "toarray") else value)
    if kind is object:
        return array.astype(str).astype(object)
    return array if kind is None else array.astype(kind, copy=False)
