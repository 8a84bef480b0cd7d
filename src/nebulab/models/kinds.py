"""Which objects are trained models, told by their classes and never by their names; runs in the kernel.

A library that was not imported has made no model, so nothing is imported here.
"""

from __future__ import annotations

import sys
from typing import Any

# In this order: XGBoost's and LightGBM's estimators are scikit-learn's too.
_CLASSES = (
    ("xgboost", "xgboost.core", "Booster"),
    ("xgboost", "xgboost.sklearn", "XGBModel"),
    ("lightgbm", "lightgbm.basic", "Booster"),
    ("lightgbm", "lightgbm.sklearn", "LGBMModel"),
    ("catboost", "catboost.core", "CatBoost"),
    ("sklearn", "sklearn.base", "BaseEstimator"),
    ("keras", "keras", "Model"),
    ("torch", "torch.nn", "Module"),
    ("nnx", "flax.nnx", "Module"),
    ("linen", "flax.linen", "Module"),
    ("tensorflow", "tensorflow", "Module"),
)


def kind_of(value: Any) -> str | None:
    """Return the kind of model that `value` is (`sklearn`, `keras`, `torch` …), or None."""
    ancestors = type(value).__mro__
    for kind, module, name in _CLASSES:
        cls = getattr(sys.modules.get(module), name, None)
        if cls is not None and cls in ancestors:
            return kind
    return None


def library_of(kind: str) -> str:
    """Return the name of the package whose version matters for a kind of model."""
    return {"sklearn": "scikit-learn", "nnx": "flax", "linen": "flax"}.get(kind, kind)
