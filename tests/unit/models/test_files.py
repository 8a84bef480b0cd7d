"""Saved models and rows of data, read from files: which library reads one, what is refused and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nebulab.errors import SettingsError
from nebulab.models.files import read_model, read_sample
from nebulab.models.libraries import LIBRARIES, Library

READERS = [(library, suffix) for library in LIBRARIES for suffix in library.suffixes]


def reads(monkeypatch: pytest.MonkeyPatch, library: Library, answer: Any) -> None:
    def read(self: Library, path: Path) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(type(library), "read", read)


@pytest.mark.parametrize(("library", "suffix"), READERS, ids=[suffix for _, suffix in READERS])
def test_a_file_is_read_by_the_library_of_its_suffix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, library: Library, suffix: str
) -> None:
    reads(monkeypatch, library, library.kind)
    assert read_model(tmp_path / f"net{suffix}") == library.kind
    assert read_model(tmp_path / f"NET{suffix.upper()}") == library.kind


def test_a_folder_is_known_by_its_mark_whatever_it_is_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (library,) = [library for library in LIBRARIES if library.folder_mark]
    reads(monkeypatch, library, "saved")
    folder = tmp_path / "net.keras"
    folder.mkdir()
    (folder / library.folder_mark).touch()
    assert read_model(folder) == "saved"


@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".joblib"])
def test_a_pickle_is_not_read_unasked(suffix: str) -> None:
    with pytest.raises(SettingsError, match="runs any code") as refused:
        read_model(Path(f"net{suffix}"))
    assert "--allow-pickle" in str(refused.value.hint)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth", ".ckpt"])
def test_weights_alone_need_their_network(suffix: str) -> None:
    with pytest.raises(SettingsError, match="holds weights"):
        read_model(Path(f"net{suffix}"))


def test_another_kind_names_those_that_are_known() -> None:
    with pytest.raises(SettingsError, match="no model of a known kind") as refused:
        read_model(Path("net.docx"))
    known = ".cbm, .h5, .joblib, .json, .keras, .pickle, .pkl, .skops, .txt, .ubj, .zip"
    assert refused.value.hint == f"Known are: {known}, and the folder of a SavedModel."


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ModuleNotFoundError("no", name="keras"), "keras is not installed here."),
        (ValueError("torn"), "net.keras can't be read: torn"),
        (SettingsError("another file", "look"), "another file"),
    ],
)
def test_what_fails_is_told(monkeypatch: pytest.MonkeyPatch, error: Exception, text: str) -> None:
    (keras,) = [library for library in LIBRARIES if ".keras" in library.suffixes]
    reads(monkeypatch, keras, error)
    with pytest.raises(SettingsError, match=text):
        read_model(Path("net.keras"))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".tabular", ".parquet", ".npy"])
def test_rows_of_data(tmp_path: Path, suffix: str) -> None:
    import pandas as pd

    path, frame = tmp_path / f"rows{suffix}", pd.DataFrame({"a": [1, 2]})
    if suffix == ".npy":
        np.save(path, frame.to_numpy())
    elif suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, sep="," if suffix == ".csv" else "\t", index=False)
    assert np.asarray(read_sample(path)).tolist() == [[1], [2]]


def test_rows_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no table of a known kind"):
        read_sample(tmp_path / "rows.xlsx")
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(SettingsError, match="can't be read"):
        read_sample(tmp_path / "objects.npy")
