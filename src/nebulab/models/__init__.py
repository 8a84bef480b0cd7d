"""Trained models: recognised by class, exported to ONNX, proven, with a model card; runs in the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nebulab.models.keeping import Kept
    from nebulab.models.predictor import Predictor

__all__ = ["is_model", "keep", "load", "sample"]


def is_model(value: Any) -> bool:
    """Whether `value` is a model of one of `LIBRARIES`, by its class."""
    from nebulab.models.libraries import library_of

    return library_of(value) is not None


def keep(
    name: str, model: Any, folder: str | Path, namespace: Mapping[str, Any] | None = None, *, ended: str = ""
) -> Kept:
    """Export a trained model with proof, or keep it in its own format with the reason; see `keeping.keep`."""
    from nebulab.models.keeping import keep as keep_model

    return keep_model(name, model, Path(folder), namespace or {}, ended=ended)


def load(path: str | Path) -> Predictor:
    """Return a predictor for an ONNX file.

    Raises
    ------
    SettingsError
        The file is no ONNX model.
    """
    from nebulab.models.predictor import Predictor

    return Predictor(path)


def sample(model: Any, *arguments: Any, **named: Any) -> None:
    """Name a few rows that `model` can be tried on when it is exported; see `samples.sample`."""
    from nebulab.models.samples import sample as remember

    remember(model, *arguments, **named)
