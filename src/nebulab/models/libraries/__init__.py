"""The list of model libraries, each in a file of its own; runs in the kernel."""

from __future__ import annotations

from typing import Any

from nebulab.models.libraries.base import Library
from nebulab.models.libraries.catboost import CatBoost
from nebulab.models.libraries.flax import Linen, Nnx
from nebulab.models.libraries.keras import Keras
from nebulab.models.libraries.lightgbm import LightGBM
from nebulab.models.libraries.scikit import ScikitLearn
from nebulab.models.libraries.tensorflow import TensorFlow
from nebulab.models.libraries.torch import Torch
from nebulab.models.libraries.xgboost import XGBoost

__all__ = ["LIBRARIES", "Library", "library_of"]

LIBRARIES: tuple[Library, ...] = (
    # Before scikit-learn: their estimators are BaseEstimators too.
    XGBoost(),
    LightGBM(),
    CatBoost(),
    ScikitLearn(),
    # Before PyTorch and TensorFlow: its models are modules of its backend too.
    Keras(),
    Torch(),
    Nnx(),
    Linen(),
    TensorFlow(),
)
"""The order counts: a model belongs to the first one whose `is_mine` is true."""


def library_of(value: Any) -> Library | None:
    """Return the library that `value` is a model of, or None if it is no model."""
    return next((library for library in LIBRARIES if library.is_mine(value)), None)
