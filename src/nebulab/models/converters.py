"""Converters registered with skl2onnx: for boosted trees, and for estimators that its own convert wrongly; runs in the
kernel."""

from __future__ import annotations

import copy
import math
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
        _register_trees()
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


def _register_trees() -> None:
    """Convert trees with the way that missing values take, and forests with sums that keep ties."""
    from skl2onnx.common import tree_ensemble
    from sklearn.ensemble import (
        ExtraTreesClassifier,
        ExtraTreesRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

    plain = tree_ensemble.sklearn_threshold
    # A split between missing values and all others is at infinity, where skl2onnx's search for a number never ends.
    tree_ensemble.sklearn_threshold = lambda value, *how: plain(value, *how) if math.isfinite(value) else value
    forests = (ExtraTreesClassifier, RandomForestClassifier, ExtraTreesRegressor, RandomForestRegressor)
    for cls in (*forests, DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor):
        _mended_trees(cls)


def _mended_trees(cls: type) -> None:
    from skl2onnx._supported_operators import sklearn_operator_name_map
    from skl2onnx.common._registration import get_converter, register_converter

    alias = sklearn_operator_name_map[cls]
    convert = get_converter(alias)

    def convert_and_mend(scope: Any, operator: Any, container: Any) -> None:
        model, before = operator.raw_operator, len(container.nodes)
        trees = [member.tree_ for member in getattr(model, "estimators_", [model])]
        voting = len(trees) > 1 and hasattr(model, "classes_") and model.n_outputs_ == 1
        ends = list(operator.outputs)[:2]
        if voting:
            for place, end in enumerate(ends):
                operator.outputs.set_element(place, scope.declare_local_variable("votes", end.type))
        convert(scope, operator, container)
        nodes = [node for node in container.nodes[before:] if node.op_type.startswith("TreeEnsemble")]
        for place, node in enumerate(nodes):
            attributes = {attribute.name: attribute for attribute in node.attribute}
            # Of several outputs there is a node for each of the trees.
            own = trees if len(nodes) == 1 else trees[place : place + 1]
            if len(set(attributes["nodes_treeids"].ints)) == len(own):
                _send_missing(own, attributes)
            if voting:
                _whole_votes(trees, attributes)
                _count(operator.outputs[1].full_name, len(trees), attributes, ends, scope, container)
        if voting:
            for place, end in enumerate(ends):
                operator.outputs.set_element(place, end)

    register_converter(alias, convert_and_mend, overwrite=True, options=getattr(convert, "_options", None))


def _send_missing(trees: list[Any], attributes: dict[str, Any]) -> None:
    """Send missing values where scikit-learn does; skl2onnx sends every one to the right."""
    places = zip(attributes["nodes_treeids"].ints, attributes["nodes_nodeids"].ints, strict=True)
    attributes["nodes_missing_value_tracks_true"].ints[:] = [
        int(trees[tree].children_left[place] >= 0 and trees[tree].missing_go_to_left[place]) for tree, place in places
    ]


def _whole_votes(trees: list[Any], attributes: dict[str, Any]) -> None:
    """Sum the trees' votes, and not shares of them: 32-bit sums of twentieths break ties between classes.

    Both of two classes get votes, where skl2onnx gives them to one alone.
    """
    import numpy as np
    import onnx

    leaves = dict.fromkeys(zip(attributes["class_treeids"].ints, attributes["class_nodeids"].ints, strict=True))
    votes = [
        (tree, place, label, float(value / trees[tree].value[place][0].sum()))
        for tree, place in leaves
        for label, value in enumerate(trees[tree].value[place][0])
    ]
    for column, key in enumerate(("class_treeids", "class_nodeids", "class_ids")):
        attributes[key].ints[:] = [vote[column] for vote in votes]
    tensor = attributes.get("class_weights_as_tensor")
    if tensor is None:
        attributes["class_weights"].floats[:] = [vote[3] for vote in votes]
    else:
        kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.t.data_type)
        weights = np.array([vote[3] for vote in votes], dtype=kind)
        tensor.t.CopyFrom(onnx.numpy_helper.from_array(weights, tensor.t.name))


def _count(votes: str, trees: int, attributes: dict[str, Any], ends: list[Any], scope: Any, container: Any) -> None:
    """Add the label with the most votes, the first of a tie, and each label's share of the votes.

    Of two classes ONNX Runtime would compare the votes of the second with a half.
    """
    import onnx

    texts, numbers = attributes.get("classlabels_strings"), attributes.get("classlabels_int64s")
    values = list(texts.strings) if texts is not None else list(numbers.ints if numbers is not None else [])
    kind = onnx.TensorProto.STRING if texts is not None else onnx.TensorProto.INT64
    labels, divisor, most = (scope.get_unique_variable_name(name) for name in ("labels", "trees", "most"))
    container.add_initializer(labels, kind, [len(values)], values)
    container.add_initializer(divisor, onnx.TensorProto.FLOAT, [], [float(trees)])
    unique = scope.get_unique_operator_name
    container.add_node("ArgMax", [votes], most, name=unique("ArgMax"), axis=1, keepdims=0, op_version=13)
    container.add_node("Gather", [labels, most], ends[0].full_name, name=unique("Gather"), axis=0, op_version=13)
    container.add_node("Div", [votes, divisor], ends[1].full_name, name=unique("Div"), op_version=14)


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
