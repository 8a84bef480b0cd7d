"""The data file: what is wrong with it is told, and a split keeps a patient's slices together."""

from __future__ import annotations

from pathlib import Path

import ct
import h5py
import numpy as np
import pytest
from ct import data


def written(path: Path, **arrays: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
    return path


def test_a_file_without_patients_is_read_as_the_published_one_is(tmp_path: Path) -> None:
    path = written(
        tmp_path / "ct.h5", X_train=np.ones((3, 16, 16, 1), "int64"), y_train=np.ones((3, 16, 16, 2), "int64")
    )
    part = data.load(path, "train")
    assert (part.images.dtype, part.masks.dtype, part.patients, len(part)) == (np.float32, np.float32, None, 3)
    assert len(part.take(np.array([True, False, True]))) == 2


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Run notebook 1 first"):
        data.load(tmp_path / "none.h5", "train")
    path = written(tmp_path / "ct.h5", X_train=np.ones((3, 16, 16, 1)))
    with pytest.raises(ValueError, match="has no y_train; it has X_train"):
        data.load(path, "train")
    with pytest.raises(ValueError, match="one of: train, valid, test"):
        data.load(path, "tests")
    path = written(tmp_path / "flat.h5", X_train=np.ones((3, 16, 16, 1)), y_train=np.ones((3, 16, 16, 1)))
    with pytest.raises(ValueError, match=r"\(3, 16, 16, 2\) is needed"):
        data.load(path, "train")
    path = written(tmp_path / "nan.h5", X_train=np.full((3, 16, 16, 1), np.nan), y_train=np.ones((3, 16, 16, 2)))
    with pytest.raises(ValueError, match="no numbers"):
        data.load(path, "train")


@pytest.mark.parametrize("people", [3, 7, 49])
def test_no_patient_is_in_two_parts_and_no_slice_is_lost(people: int) -> None:
    patients = np.random.default_rng(0).permutation(np.repeat(np.arange(people) * 7, 5))
    parts = data.patient_split(patients, (0.7, 0.15, 0.15))
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(patients)))
    groups = [set(patients[part].tolist()) for part in parts]
    assert sum(map(len, groups)) == people
    assert min(map(len, groups)) >= 1
    assert len(groups[0]) >= len(groups[1])


def test_a_split_that_is_impossible_is_refused() -> None:
    with pytest.raises(ValueError, match="2 patients can't be split into 3 parts"):
        data.patient_split(np.array([1, 1, 2]), (0.5, 0.25, 0.25))
    with pytest.raises(ValueError, match="above 0"):
        data.patient_split(np.array([1, 1, 2]), (1.0, 0.0))


def test_another_choice_leaves_both_files_whole(tmp_path: Path) -> None:
    first, second = tmp_path / "a.h5", tmp_path / "b.h5"
    first.write_text("a")
    second.write_text("b")
    chosen = data.choose(first, tmp_path / "folder" / "ct.h5")
    assert chosen.read_text() == "a"
    assert data.choose(second, chosen).read_text() == "b"
    assert (first.read_text(), second.read_text()) == ("a", "b")


def test_a_job_gets_every_file_of_the_package() -> None:
    assert {"ct/__init__.py", "ct/data.py", "ct/network.py"} <= set(ct.files())
    assert sorted(Path(name).name for name in ct.files()) == sorted(
        path.name for path in Path(ct.__file__).parent.glob("*.py")
    )
