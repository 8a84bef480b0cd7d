"""Moments: the ISO text for everybody, and beside it what ISO leaves out."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import h5py
import pandas as pd
import pytest

from nebulab.harvest.codecs import decode, encode
from nebulab.harvest.codecs.base import Differs
from nebulab.harvest.codecs.moments import Moment
from support.round_trip import node_of, refusal
from support.values import CET, FOLDED


@pytest.mark.parametrize(
    ("value", "beside"),
    [
        (datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), set()),
        (FOLDED, {"fold"}),
        (datetime.time(1, tzinfo=CET), {"zone"}),
        (pd.Timestamp("2026-11-23 08:30:00.000000001"), set()),
        (pd.Timestamp("2026-11-23").as_unit("ns"), {"unit"}),
    ],
)
def test_beside_the_text_stands_only_what_is_needed(tmp_path: Path, value: Any, beside: set[str]) -> None:
    attributes, content = node_of(tmp_path, value)
    assert set(attributes) - {"nebulab"} == beside
    assert content == value.isoformat().encode()


def test_a_zone_with_rules_is_refused(tmp_path: Path) -> None:
    import zoneinfo

    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    assert "fixed offset" in refusal(tmp_path, datetime.time(1, tzinfo=zone))
    assert "fixed offset" in refusal(tmp_path, pd.Timestamp("2026-01-01", tz=zone))


def test_the_other_of_two_equal_hours_is_another_moment(tmp_path: Path) -> None:
    """Python's own comparison says that they are equal."""
    assert FOLDED.replace(fold=0) == FOLDED
    with h5py.File(tmp_path / "file.h5", "w") as file:
        node = encode(file, "x", FOLDED)
        del node.attrs["fold"]
        assert decode(node) == FOLDED
        with pytest.raises(Differs):
            Moment(datetime.datetime).check(None, node, FOLDED)  # type: ignore[arg-type]
