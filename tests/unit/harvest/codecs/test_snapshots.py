"""A value's containers copied at one moment; what holds itself is seen at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nebulab.harvest.codecs import snapshots as module
from nebulab.harvest.codecs.base import NotStorable
from nebulab.harvest.codecs.snapshots import snapshot
from nebulab.harvest.limits import short_turns
from support.round_trip import refusal, there_and_back
from support.values import is_same


def itself() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def among_others() -> Any:
    value: dict[str, Any] = {"a": [1, ({"b": None},)]}
    value["a"][1][0]["b"] = value
    return value


def objects() -> Any:
    value: np.ndarray = np.empty(100, dtype=object)
    value[:] = [value] * 100
    return value


def frame() -> Any:
    import pandas as pd

    return pd.DataFrame({"column": [itself(), 1]})


def masked() -> Any:
    value: np.ndarray = np.empty(1, dtype=object)
    value[0] = [value]
    return np.ma.MaskedArray(value)


@pytest.mark.parametrize("make", [itself, among_others, objects, frame, masked])
def test_what_holds_itself_is_refused_at_once(tmp_path: Path, make: Callable[[], Any]) -> None:
    value = {"l": make(), "other": [make(), make()]}
    begun = time.monotonic()
    assert "holds itself" in refusal(tmp_path, value)
    assert time.monotonic() - begun < 2


def test_what_unfolds_without_end_is_refused_at_once(tmp_path: Path) -> None:
    value: list[Any] = ["x"] * 10
    for _ in range(15):
        value = [value] * 10
    begun = time.monotonic()
    assert "unfolds" in refusal(tmp_path, value)
    assert time.monotonic() - begun < 2


def test_what_is_held_twice_is_no_circle(tmp_path: Path) -> None:
    shared = [1, "a"]
    value = {"x": shared, "y": (shared, [shared])}
    assert is_same(value, there_and_back(tmp_path, value))


def test_the_depth_has_an_end() -> None:
    value: list[Any] = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(NotStorable, match="deeper"):
        snapshot(value)


def test_what_a_thread_keeps_filling_is_kept_as_it_was_once(tmp_path: Path) -> None:
    """Also lists inside, and with values that are written one by one."""
    value: dict[Any, Any] = {"inner": {0: [0]}, 1: b"x"}
    ended = threading.Event()

    def fill() -> None:
        count = 0
        while not ended.is_set():
            count += 1
            value["inner"][count % 300] = [count]
            value["inner"][0].append(count)
            value[f"key {count % 300}"] = count

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        with short_turns():
            back = there_and_back(tmp_path, value)
            assert back[1] == b"x"
            assert back["inner"][0][0] % 300 == 0
    finally:
        ended.set()
        thread.join()


def test_a_snapshot_does_not_change_with_its_original() -> None:
    value = {"a": [1, {2}], "o": np.array([[1]], dtype=object), "n": np.arange(3)}
    taken = snapshot(value)
    value["a"].append(3)
    value["o"][0, 0] = 5
    value["n"][0] = 7
    assert taken["a"] == [1, {2}]
    assert taken["o"].tolist() == [[1]]
    assert taken["n"].tolist() == [7, 1, 2], "arrays are not copied"
    assert snapshot(value, lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf)["n"] is not value["n"]


def test_a_large_list_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_VALUES", 1000)
    assert len(snapshot(list(range(1000)))) == 1000
    with pytest.raises(NotStorable, match="more than 1,000 values"):
        snapshot([[0] * 500] * 3)
