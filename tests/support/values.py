"""Values of each kind that the harvest keeps, and whether one came back the same; runs in either environment.

The values of a library are made when they are asked for: only the kernels' environment has it.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import pathlib
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np

CET = datetime.timezone(datetime.timedelta(hours=1), "CET")
FOLDED = datetime.datetime(2026, 10, 25, 2, 30, fold=1)


def sparse() -> list[Any]:
    import scipy.sparse

    dense: np.ndarray = np.diag([1.0, 0, 2, 3]).astype(np.float32)
    two = [
        getattr(scipy.sparse, f"{form}_{kind}")(dense)
        for form in ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
        for kind in ("array", "matrix")
    ]
    line = np.array([0, 1.5, 2])
    one = [scipy.sparse.coo_array(line), scipy.sparse.csr_array(line), scipy.sparse.dok_array(line)]
    return [*two, *one, scipy.sparse.coo_array(np.arange(24.0).reshape(2, 3, 4))]


def masked() -> list[Any]:
    hard: Any = np.ma.MaskedArray([1.5, 2], mask=[True, False], hard_mask=True)
    return [
        np.ma.MaskedArray([1, 2, 3], mask=[False, True, False], fill_value=9),
        np.ma.MaskedArray([1, 2]),
        np.ma.MaskedArray(["ab", "c"], mask=[True, False]),
        np.ma.MaskedArray(np.array([None, "x"], dtype=object), mask=[True, False]),
        hard,
    ]


def structured() -> list[Any]:
    nested: Any = [("p", [("x", "f4"), ("y", "f4")]), ("n", "U2")]
    titled: Any = [(("a title", "a"), "i1"), ("b", "f8")]
    return [
        np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array([(1, "2026-01-01")], dtype=[("a", "i4"), ("when", "datetime64[s]")]),
        np.zeros(2, dtype=nested),
        np.zeros(2, dtype=nested)[1],
        np.ones(3, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        np.ones(3, dtype=titled),
        np.ones((2, 2), dtype=[("t", "U3", (2,)), ("n", "f4", (2, 2))]),
        np.ones(2, dtype={"names": ["a", "b"], "formats": ["i4", "U1"], "offsets": [8, 0], "itemsize": 24}),
    ]


def arrays() -> list[Any]:
    return [
        np.float32(0.1),
        np.int8(-3),
        np.bool_(True),
        np.str_("text"),
        np.datetime64("2026-11-23T08:30", "ns"),
        np.arange(12, dtype=np.int16).reshape(3, 4),
        np.zeros((0, 5)),
        np.array(3.0),
        np.arange(20.0).reshape(4, 5)[:, ::2],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([1, 2], dtype=">i4"),
        np.array([1.5, float("nan"), -0.0], dtype=np.float16),
        np.array([1 + 2j, 3], dtype=np.complex64),
        np.array([1, 3], dtype=np.longdouble) / 3,
        np.array([True, False]),
        np.array(["2026-01-01", "NaT"], dtype="datetime64[ns]"),
        np.array([1, 2], dtype="timedelta64[ms]"),
        np.array(["a", "bcd", "é"]),
        np.array([b"ab", b"c"]),
        np.array([b"raw"], dtype="V3"),
        *structured(),
    ]


def strings() -> list[Any]:
    plain, dtype = np.dtypes.StringDType(), np.dtypes.StringDType
    return [
        np.array(["a", "longer than the other"], dtype=plain),
        np.array(["a", None], dtype=dtype(na_object=None)),
        np.array(["a", np.nan], dtype=dtype(na_object=np.nan)),
        np.array(["a", "b"], dtype=dtype(coerce=False)),
        np.array(["nul\0", "b"], dtype=plain),
    ]


def tables() -> list[Any]:
    import pandas as pd

    return [pd.DataFrame({"a": [1.5, 2], "b": [3, 4.5]})]


def frames() -> list[Any]:
    import pandas as pd

    categories = pd.Categorical(["b", "a", None], categories=["b", "a"], ordered=True)
    levels = pd.MultiIndex.from_tuples([(1, "x"), (2, "y")], names=["number", None])
    return [
        pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=["one", "two"]),
        pd.DataFrame({"mixed": [1, "a", None]}),
        pd.DataFrame({0: [1.0], "x": [2]}),
        pd.DataFrame({"n": [1, 2]}, index=levels),
        pd.DataFrame({"c": categories, "n": pd.array([1, None, 3], dtype="Int64")}),
        pd.DataFrame({"when": pd.to_datetime(["2026-01-01", None])}),
        pd.DataFrame(),
    ]


def series() -> list[Any]:
    import pandas as pd

    return [pd.Series([1.5, 2], name="s"), pd.Series(["a", None], index=[5, 7]), pd.Series([True, False])]


def indices() -> list[Any]:
    import pandas as pd

    pairs = pd.MultiIndex.from_tuples([(1, "a"), (2, "b")], names=["x", "y"])
    return [pd.Index([3, 1], name="i"), pd.RangeIndex(2, 9, 3, name="r"), pairs]


def timestamps() -> list[Any]:
    import pandas as pd

    return [
        pd.Timestamp("2026-11-23 08:30:00.000000001"),
        pd.Timestamp("2026-11-23").as_unit("ns"),
        pd.Timestamp("2026-11-23", tz=CET),
    ]


def timedeltas() -> list[Any]:
    import pandas as pd

    return [pd.Timedelta("1ns"), pd.Timedelta(3, "s").as_unit("s"), pd.Timedelta("1D").as_unit("ns")]


def torch_tensors() -> list[Any]:
    import torch

    small = [name for name in dir(torch) if name.startswith("float8_")] + ["bfloat16"]
    return [
        torch.arange(6.0).reshape(2, 3).T,
        torch.tensor(3),
        torch.zeros(0, 3),
        torch.ones(2, requires_grad=True),
        torch.tensor([True, False]),
        torch.ones(2, dtype=torch.complex64).conj() * 1j,
        *(torch.ones(3).to(getattr(torch, name)) for name in small),
    ]


def torch_parameters() -> list[Any]:
    import torch

    return [torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2, 2), requires_grad=False)]


def tensorflow_tensors() -> list[Any]:
    import tensorflow as tf

    return [
        tf.constant([[1.5, 2]]),
        tf.constant(3),
        tf.constant(["a", b"\xff\x00"]),
        tf.constant([1.0], dtype=tf.bfloat16),
        tf.zeros((0, 2)),
    ]


def tensorflow_variables() -> list[Any]:
    import tensorflow as tf

    return [tf.Variable([1.5, 2])]


def keras_variables() -> list[Any]:
    import keras

    made = keras.Variable(np.ones((2, 2), "float32"), name="weights", trainable=False)
    return [made, keras.Variable(np.ones(2, "float32"), dtype="bfloat16")]


def jax_arrays() -> list[Any]:
    import jax

    jnp = jax.numpy
    return [
        jnp.arange(3),
        jnp.float32(2),
        jnp.array([1, -3], dtype=jnp.int4),
        jnp.ones((2, 2), dtype=jnp.bfloat16),
        jnp.zeros((2, 0)),
        jax.random.key(3),
        jax.random.split(jax.random.key(3), 2),
    ]


def small_numbers() -> list[Any]:
    """Return arrays of all dtypes of the package ml_dtypes: of the kind `array` too."""
    import ml_dtypes

    made = [getattr(ml_dtypes, name) for name in dir(ml_dtypes)]
    dtypes = [np.dtype(cls) for cls in made if isinstance(cls, type) and issubclass(cls, np.generic)]
    assert len(dtypes) >= 15
    mixed = np.dtype([("a", "i1"), ("b", ml_dtypes.bfloat16), ("c", [("d", ml_dtypes.int4, (2,))])])
    return [*(np.zeros(3, dtype) for dtype in dtypes), *(dtypes[0].type(1),), np.ones(2, mixed)]


EXAMPLES: dict[str, Callable[[], list[Any]]] = {
    "none": lambda: [None],
    "bool": lambda: [True, False],
    "int": lambda: [7, -(2**63), 2**100],
    "float": lambda: [1.5, float("nan"), float("-inf"), -0.0],
    "complex": lambda: [1 + 2j, complex(0, float("nan"))],
    "range": lambda: [range(3, 30, 4)],
    "str": lambda: ["text", "", "größe ✓", "nul\0inside", "lone \udc80 surrogate"],
    "bytes": lambda: [b"bytes\0\xff", b""],
    "bytearray": lambda: [bytearray(b"changeable")],
    "Decimal": lambda: [decimal.Decimal("1.10"), decimal.Decimal("NaN")],
    "Fraction": lambda: [fractions.Fraction(1, 3)],
    "UUID": lambda: [uuid.UUID(int=5)],
    "path": lambda: [
        pathlib.Path("/a/b"),
        pathlib.PureWindowsPath("C:\\data\\a.csv"),
        pathlib.PurePosixPath("a/b"),
    ],
    "datetime": lambda: [
        datetime.datetime(2026, 11, 23, 8, 30, 1, 5),
        datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC),
        datetime.datetime(2026, 11, 23, tzinfo=CET),
        FOLDED,
    ],
    "date": lambda: [datetime.date(2026, 11, 23)],
    "time": lambda: [datetime.time(8, 30), datetime.time(2, 30, fold=1), datetime.time(8, tzinfo=CET)],
    "timedelta": lambda: [datetime.timedelta(days=-1, microseconds=3)],
    "Timestamp": timestamps,
    "Timedelta": timedeltas,
    "objects": lambda: [
        np.array([["a", None], [1, 2.5]], dtype=object),
        np.array(["x", "y"], dtype=object),
        np.array([{1: "one"}, np.arange(2)], dtype=object),
        np.empty((0, 2), dtype=object),
    ],
    "strings": strings,
    "array": arrays,
    "masked": masked,
    "list": lambda: [
        [],
        [1, 2, 3],
        [1.5, 2.0],
        [1, 2.5],
        [True, False],
        [True, 1],
        [np.float32(1.5), np.float32(2.5)],
        [[1, 2], [3, 4]],
        [[1], [2, 3], []],
        [[1.5], [2.5, 3.5]],
        [[], []],
        [2**70, 1],
        ["a", "b"],
        ["a", 1, None, [1.5, {"k": "v"}]],
        [np.arange(3), np.arange(4.0)],
        [(1, 2), (3, 4)],
        [float("nan"), None],
        [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]],
    ],
    "tuple": lambda: [(1, 2), ("a", (1, [2])), ()],
    "set": lambda: [{1, 2, 3}, {1, "a"}, set()],
    "frozenset": lambda: [frozenset({"a"})],
    "dict": lambda: [
        {},
        {"a": 1, "b": [1, 2], "c": {"d": None}},
        {"x": np.arange(3), 5: "five"},
        {"a/b": np.arange(2)},
        {(1, 2): {"t": (1,)}},
    ],
    "sparse": sparse,
    "table": tables,
    "frame": frames,
    "series": series,
    "index": indices,
    "torch": torch_tensors,
    "torch parameter": torch_parameters,
    "tensorflow": tensorflow_tensors,
    "tensorflow variable": tensorflow_variables,
    "keras variable": keras_variables,
    "jax": jax_arrays,
}
"""By the kind of the codec that writes them."""


def is_same(value: Any, other: Any) -> bool:
    """Whether `other` is what `value` was, judged apart from the code under test."""
    if type(value) is not type(other):
        return False
    library = type(value).__module__.partition(".")[0]
    if library in _LIBRARIES:
        return _LIBRARIES[library](value, other)
    if isinstance(value, np.ma.MaskedArray):
        parts = ("data", "mask", "fill_value", "hardmask")
        return all(is_same(np.asarray(getattr(value, part)), np.asarray(getattr(other, part))) for part in parts)
    if isinstance(value, np.ndarray):
        return _same_arrays(value, other)
    if isinstance(value, np.generic):
        return _same_arrays(np.asarray(value), np.asarray(other))
    if isinstance(value, list | tuple):
        return len(value) == len(other) and all(map(is_same, value, other))
    if isinstance(value, dict):
        return list(value) == list(other) and all(is_same(value[key], other[key]) for key in value)
    if isinstance(value, datetime.datetime | datetime.time):
        return (repr(value), value.tzname()) == (repr(other), other.tzname())
    return repr(value) == repr(other)


def _same_arrays(value: np.ndarray, other: np.ndarray) -> bool:
    kinds = (value.dtype, other.dtype)
    dtypes = [(dtype, repr(dtype) if dtype.kind == "T" else "", dtype.isalignedstruct) for dtype in kinds]
    if dtypes[0] != dtypes[1] or value.shape != other.shape:
        return False
    if value.dtype.names:
        return all(_same_arrays(value[name], other[name]) for name in value.dtype.names)
    if value.dtype.kind in "OT":
        return is_same(value.ravel().tolist(), other.ravel().tolist())
    if value.dtype.char in "gG":
        return bool(np.all(value == other))
    return value.tobytes() == other.tobytes()


def _same_frames(value: Any, other: Any) -> bool:
    import pandas as pd

    if not hasattr(value, "index"):
        levels = getattr(value, "names", None) == getattr(other, "names", None)
        return repr(value) == repr(other) and levels and getattr(value, "unit", 0) == getattr(other, "unit", 0)
    wrapped = [one.to_frame("x") if one.ndim == 1 else one for one in (value, other)]
    pd.testing.assert_frame_equal(*wrapped, check_exact=True, check_freq=False)
    objects = [[list(map(type, one.iloc[:, place])) for place in range(one.shape[1])] for one in wrapped]
    return objects[0] == objects[1] and getattr(value, "name", None) == getattr(other, "name", None)


def _same_sparse(value: Any, other: Any) -> bool:
    same = (value.dtype, value.shape, value.format) == (other.dtype, other.shape, other.format)
    return same and bool(np.array_equal(value.toarray(), other.toarray()))


def _same_tensors(value: Any, other: Any) -> bool:
    import torch

    if (value.dtype, value.shape, value.requires_grad) != (other.dtype, other.shape, other.requires_grad):
        return False
    plain = [one.detach().to(torch.complex64 if one.is_complex() else torch.float64) for one in (value, other)]
    return bool(torch.equal(*plain))


def _same_numbers(value: Any, other: Any) -> bool:
    if (value.dtype, value.shape) != (other.dtype, other.shape):
        return False
    if "key<" in str(value.dtype):
        import jax

        value, other = jax.random.key_data(value), jax.random.key_data(other)
    if getattr(value, "name", None) != getattr(other, "name", None) and type(value).__module__.startswith("keras"):
        return False
    return np.asarray(value).tobytes() == np.asarray(other).tobytes() or "object" in str(np.asarray(value).dtype)


_LIBRARIES: dict[str, Callable[[Any, Any], bool]] = {
    "pandas": _same_frames,
    "scipy": _same_sparse,
    "torch": _same_tensors,
    "tensorflow": _same_numbers,
    "keras": _same_numbers,
    "jax": _same_numbers,
    "jaxlib": _same_numbers,
}
