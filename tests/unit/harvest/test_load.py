"""`nebulab.load`: all that can be read, and the names of the rest."""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from nebulab.errors import SettingsError
from nebulab.harvest import load
from nebulab.harvest.codecs import encode
from nebulab.harvest.inventory import Harvest
from nebulab.harvest.limits import Limits


@pytest.fixture
def results(tmp_path: Path) -> Path:
    values = {"x": np.arange(3), "name": "forest", "table": pd.DataFrame({"a": [1, 2]})}
    Harvest(values, tmp_path / "run", Limits()).data()
    return tmp_path / "run"


def test_a_folder_gives_all_by_name(results: Path) -> None:
    values = load(results)
    assert sorted(values) == ["name", "table", "x"]
    assert values["table"]["a"].tolist() == [1, 2]


def test_one_value_that_can_not_be_read_costs_no_other(results: Path) -> None:
    with h5py.File(results / "arrays.h5", "a") as file:
        encode(file, "tensor", 5).attrs["nebulab"] = "torch"  # where PyTorch is missing
        encode(file, "newer", [b"x", 5])["1"].attrs["nebulab"] = "kind of next year"
        broken = encode(file, "broken", {"a": np.arange(3)})
        del broken["values"]
    with pytest.warns(UserWarning, match=r"arrays\.h5: not read") as caught:
        values = load(results / "arrays.h5")
    assert sorted(values) == ["name", "table", "x"]
    text = str(caught[0].message)
    for name in ("tensor (", "newer (NotReadable: its kind, 'kind of next year'", "broken ("):
        assert name in text


def test_a_damaged_table_costs_no_other_file(results: Path) -> None:
    (results / "tables" / "another.parquet").write_bytes(b"PAR1 not really")
    with pytest.warns(UserWarning, match="another"):
        values = load(results)
    assert sorted(values) == ["name", "table", "x"]


def test_damaged_arrays_cost_no_table(results: Path) -> None:
    (results / "arrays.h5").write_bytes((results / "arrays.h5").read_bytes()[:1000])
    with pytest.warns(UserWarning, match=r"arrays\.h5"):
        values = load(results)
    assert list(values) == ["table"]


def test_nothing_is_warned_of_where_all_is_well(results: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(results)


def test_a_dataset_of_galaxy_has_no_ending(results: Path) -> None:
    for name, key in (("arrays.h5", "x"), ("tables/table.parquet", "a")):
        path = results / f"{Path(name).stem}.dat"
        path.write_bytes((results / name).read_bytes())
        assert key in load(path)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.dat").write_text("text")
    for name in ("x.dat", "nothing.h5x"):
        with pytest.raises(SettingsError, match="nothing to load"):
            load(tmp_path / name)
