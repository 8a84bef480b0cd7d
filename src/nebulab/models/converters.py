"""Converters registered with skl2onnx: for boosted trees, and for estimators that its own convert wrongly; runs in the
kernel."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any

Convert = Callable[..., None]
Shape = Callable[[Any], None]

# The opsets of onnxmltools' converters of boosted trees.
OF_BOOSTING = {"": 18, "ai.onnx.ml": 3}
# ONNX Runtime's default, en_US.UTF-8, is not installed on most servers; this locale is part of glibc.
_LOCALE = "C.UTF-8"
_DENSE = {"onehot": "onehot-dense"}
_WORDS = {r"(?u)\b\w\w+\b": r"[\p{L}\p{N}_]{2,}"}
_REGISTERED: set[str] = set()


def register() -> None:
    """Register the boosted trees that a pipeline may end with, and the estimators that need a stand-in."""
    _register_boosting()
    if "stand-ins" not in _REGISTERED:
        _register_stand_ins()
        _REGISTERED.add("stand-ins")


def text_options() -> dict[type, dict[str, str]]:
    """Return the options of text vectorizers, by class."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    return {cls: {"locale": _LOCALE} for cls in (CountVectorizer, TfidfVectorizer)}


def _register_boosting() -> None:
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    shapes = {
        "Classifier": calculate_linear_classifier_output_shapes,
        "Regressor": calculate_linear_regressor_output_shapes,
    }
    choices = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    for library, (prefix, converter) in _BOOSTED.items():
        module = sys.modules.get(library)
        if module is None or library in _REGISTERED:
            continue
        for kind, shape in shapes.items():
            name = f"{prefix}{kind}"
            convert, shape_of = converter(shape)
            options = choices if kind == "Classifier" else None
            update_registered_converter(getattr(module, name), f"{library}{name}", shape_of, convert, options=options)
        _REGISTERED.add(library)


def _of_single_numbers(convert: Convert, shape: Shape) -> tuple[Convert, Shape]:
    """Round the inputs from a pipeline to 32 bits, as XGBoost does.

    Its trees split at values of the data, so the last bit of a value that was scaled in 64 bits decides its branch.
    """
    from skl2onnx.common._apply_operation import apply_cast
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
    from skl2onnx.proto import onnx_proto

    def convert_rounded(scope: Any, operator: Any, container: Any) -> None:
        variable = operator.inputs[0]
        if isinstance(variable.type, DoubleTensorType):
            rounded = scope.declare_local_variable("rounded", FloatTensorType(variable.type.shape))
            apply_cast(scope, variable.full_name, rounded.full_name, container, to=onnx_proto.TensorProto.FLOAT)
            operator.inputs.set_element(0, rounded)
        convert(scope, operator, container)

    def shape_rounded(operator: Any) -> None:
        shape(operator)
        for variable in operator.outputs:
            if isinstance(variable.type, DoubleTensorType):
                variable.set_type(FloatTensorType(variable.type.shape))

    return convert_rounded, shape_rounded


def _of_xgboost(shape: Shape) -> tuple[Convert, Shape]:
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost

    return _of_single_numbers(convert_xgboost, shape)


def _of_lightgbm(shape: Shape) -> tuple[Convert, Shape]:
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

    return convert_lightgbm, shape


# By the library's name: the prefix of its estimators' names, and their converter for a given shape calculator.
_BOOSTED: dict[str, tuple[str, Callable[[Shape], tuple[Convert, Shape]]]] = {
    "xgboost": ("XGB", _of_xgboost),
    "lightgbm": ("LGBM", _of_lightgbm),
}


def _register_stand_ins() -> None:
    """Convert some estimators as others that compute the same, and whose converter is right."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import RandomTreesEmbedding, VotingClassifier
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.neighbors import NearestNeighbors
    from sklearn.preprocessing import KBinsDiscretizer

    _stand_in(LinearDiscriminantAnalysis, _logistic)
    # ONNX has no sparse outputs: dense in the file.
    _stand_in(KBinsDiscretizer, lambda model: _with(model, "encode", _DENSE))
    _stand_in(RandomTreesEmbedding, lambda model: _with(model, "sparse_output", {True: False}))
    # Concerns its `transform` alone, which is not in the file.
    _stand_in(VotingClassifier, lambda model: _with(model, "flatten_transform", {True: False}))
    # By default it has a radius and a number of neighbours; the file computes by the number.
    _stand_in(NearestNeighbors, lambda model: _with(model, "radius", {model.radius: None}))
    for vectorizer in (CountVectorizer, TfidfVectorizer):
        _stand_in(vectorizer, _of_any_letters)


def _stand_in(cls: type, other: Callable[[Any], Any]) -> None:
    from skl2onnx._supported_operators import sklearn_operator_name_map
    from skl2onnx.common._registration import get_converter, register_converter

    alias = sklearn_operator_name_map[cls]
    convert = get_converter(alias)

    def convert_other(scope: Any, operator: Any, container: Any) -> None:
        if type(operator.raw_operator) is cls:
            operator.raw_operator = other(operator.raw_operator)
        convert(scope, operator, container)

    register_converter(alias, convert_other, overwrite=True, options=getattr(convert, "_options", None))


def _with(model: Any, setting: str, instead: dict[Any, Any]) -> Any:
    """Return a copy of the estimator whose `setting` is mapped by `instead`."""
    other = copy.copy(model)
    value = getattr(model, setting)
    setattr(other, setting, instead.get(value, value))
    return other


def _of_any_letters(model: Any) -> Any:
    """Return the vectorizer with its default token pattern in RE2's syntax.

    skl2onnx takes the default pattern for words of ASCII letters, single ones included.
    """
    other = _with(model, "token_pattern", _WORDS)
    other.build_tokenizer = model.build_tokenizer  # splits the vocabulary with Python's own pattern
    return other


def _logistic(model: Any) -> Any:
    """Return a logistic regression of the same coefficients, which gives the same probabilities.

    skl2onnx takes the softmax for a linear discriminant analysis of two classes, where scikit-learn takes the logistic
    function.
    """
    from sklearn.linear_model import LogisticRegression

    other = LogisticRegression()
    for name in ("coef_", "intercept_", "classes_", "n_features_in_"):
        setattr(other, name, getattr(model, name))
    return other
