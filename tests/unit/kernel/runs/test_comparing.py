"""What of a training's variables a table can show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from nebulab.harvest.inventory import Harvest
from nebulab.harvest.limits import Limits
from nebulab.kernel.runs.comparing import plain, values
from support.fake_galaxy import FakeGalaxy


def test_single_values_and_the_last_of_a_course_are_shown() -> None:
    kept = {
        "epochs": 3,
        "rate": np.float32(0.5),
        "score": np.array(0.25),
        "done": True,
        "name": "unet",
        "losses": [0.5, 0.25],
        "curve": np.array([1.0, 0.5, 0.125]),
    }
    shown = plain(kept)
    assert shown == {
        "epochs": 3,
        "rate": 0.5,
        "score": 0.25,
        "done": True,
        "name": "unet",
        "losses": {"last": 0.25, "count": 2},
        "curve": {"last": 0.125, "count": 3},
    }
    json.dumps(shown)


def test_what_a_cell_can_not_hold_is_left_out() -> None:
    kept = {"X": np.zeros((2, 2)), "labels": [1, 2], "text": "x" * 1000, "none": None, "empty": [], "data": {"a": 1}}
    assert plain(kept) == {}


def test_they_are_read_from_what_a_training_left(fake: FakeGalaxy, tmp_path: Path) -> None:
    left = {"accuracy": 1.0, "trees": 7, "losses": [0.5, 0.25], "X": np.zeros((2, 2))}
    left |= {"table": pd.DataFrame({"a": [0.5]}), "column": pd.Series([0.5, 1.5])}
    Harvest(left, tmp_path / "results", Limits()).data()
    arrays = fake.add("Arrays", (tmp_path / "results" / "arrays.h5").read_bytes())
    told = values({"arrays": arrays["id"]}, lambda _: None)
    assert told == {"accuracy": 1.0, "trees": 7, "losses": {"last": 0.25, "count": 2}}
