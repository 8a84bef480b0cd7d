"""Data frames and series of pandas and polars: they come back as what they were, or the reason is told."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from nebulab.harvest import load
from nebulab.harvest.inventory import Entry, Harvest
from nebulab.harvest.limits import Limits

PLAIN = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [1.5, None]})
PANDAS = {
    "plain": PLAIN,
    "indexed": PLAIN.set_index(["a", "c"]),
    "categories": PLAIN.assign(b=pd.Categorical(["y", "x"], ordered=True)),
    "moments": pd.DataFrame({"t": pd.to_datetime(["2026-01-01", None]).tz_localize("Europe/Berlin")}),
    "mixed": pd.DataFrame({"m": [1, "one"]}),
    "mixed_nullable": pd.DataFrame(
        {
            "m": [1, "one"],
            "s": pd.array(["x", None], dtype="string"),
            "i": pd.array([1, None], dtype="Int8"),
            "b": pd.array([True, None], dtype="boolean"),
        }
    ),
    "numbered": pd.DataFrame([[1, 2], [3, 4]]),
    "series": PLAIN["b"],
    "nameless": pd.Series([1, 2, 3], index=list("xyz")),
    "index": pd.Index(["a", "b"], name="letters"),
}
POLARS = {
    "plain": pl.DataFrame({"a": [1, None], "b": ["x", None], "c": [float("nan"), None]}),
    "moments": pl.DataFrame({"d": [datetime.date(2026, 1, 1)], "s": [datetime.timedelta(seconds=1)]}),
    "zone": pl.DataFrame({"t": pl.Series([datetime.datetime(2026, 1, 1)]).dt.replace_time_zone("Europe/Berlin")}),
    "nested": pl.DataFrame({"l": [[1, 2], [3]], "s": [{"x": 1}, {"x": 2}]}),
    "categories": pl.DataFrame({"c": pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"]))}),
    "series": pl.Series("s", [1, 2, 3], dtype=pl.UInt8),
    "nameless": pl.Series([1, None]),
    "empty": pl.DataFrame(),
}


def harvested(folder: Path, value: Any) -> Entry:
    """Harvest one global, and return its line of the report."""
    harvest = Harvest({"value": value}, folder, Limits())
    harvest.data()
    return harvest.entries["value"]


@pytest.mark.parametrize("value", PANDAS.values(), ids=PANDAS.keys())
def test_pandas_comes_back_the_same(tmp_path: Path, value: Any) -> None:
    entry = harvested(tmp_path, value)
    assert entry.fate == "table", entry.reason
    back = load(tmp_path)["value"]
    assert type(back) is type(value)
    getattr(pd.testing, f"assert_{type(value).__name__.lower().replace('data', '')}_equal")(back, value)


@pytest.mark.parametrize("value", POLARS.values(), ids=POLARS.keys())
def test_polars_comes_back_the_same(tmp_path: Path, value: Any) -> None:
    entry = harvested(tmp_path, value)
    assert entry.fate == "table", entry.reason
    back = load(tmp_path / entry.files[0])
    assert type(back) is type(value)
    assert back.equals(value, null_equal=True)
    kinds = "dtype" if isinstance(value, pl.Series) else "schema"
    assert getattr(back, kinds) == getattr(value, kinds)


@pytest.mark.parametrize(
    "value", [pl.DataFrame({"o": [object()]}), pl.DataFrame({"n": pl.Series([1], dtype=pl.Int128)})], ids=["o", "n"]
)
def test_what_parquet_can_not_hold_says_why_and_leaves_no_file(tmp_path: Path, value: pl.DataFrame) -> None:
    entry = harvested(tmp_path, value)
    assert "Parquet can't hold it" in entry.reason
    assert list(tmp_path.glob("tables/*")) == []
