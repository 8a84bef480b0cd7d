"""TensorFlow's modules and SavedModels, with a stand-in for the library."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nebulab.errors import SettingsError
from nebulab.models.attempt import CantExport, Untrained
from nebulab.models.libraries.tensorflow import TensorFlow


class Module:
    variables = ("weights",)

    def __call__(self, rows: np.ndarray) -> Any:
        return rows @ np.ones((3, 1))


class Plain:
    variables = ("weights",)


def save(model: Any, folder: str, signatures: Any) -> None:
    Path(folder).mkdir()
    Path(folder, "saved_model.pb").write_text("graph")


@pytest.fixture(autouse=True)
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    class Function:
        def __init__(self, call: Any, input_signature: Any) -> None:
            self.input_signature = input_signature

        def get_concrete_function(self) -> str:
            return "served"

    serve = SimpleNamespace(structured_input_signature=((), {"x": None}), variables=["weights"])
    stand_in = SimpleNamespace(
        Module=object,
        TensorSpec=lambda shape, dtype: (shape, dtype),
        constant=np.asarray,
        function=Function,
        saved_model=SimpleNamespace(
            save=save, load=lambda path: SimpleNamespace(signatures={"serving_default": serve})
        ),
    )
    monkeypatch.setitem(sys.modules, "tensorflow", stand_in)
    monkeypatch.setitem(sys.modules, "tf2onnx", SimpleNamespace())


def test_a_module_has_one_export() -> None:
    (attempt,) = TensorFlow().attempts(Module(), {"X": np.ones((9, 3))})
    assert attempt.source == "found in X"
    assert attempt.expected[0].values.shape == (8, 1)


@pytest.mark.parametrize(
    ("model", "reason"), [(Plain(), "no __call__"), (Module(), r"nebulab\.sample")], ids=["plain", "no rows"]
)
def test_what_can_not_be_exported_is_kept_otherwise(model: Any, reason: str) -> None:
    with pytest.raises(CantExport, match=reason) as refused:
        next(TensorFlow().attempts(model, {}))
    assert not isinstance(refused.value, Untrained)


def test_a_module_without_weights_is_untrained() -> None:
    with pytest.raises(Untrained, match="no weights"):
        next(TensorFlow().attempts(SimpleNamespace(variables=()), {}))


@pytest.mark.parametrize(
    ("model", "rows", "remark"), [(Module(), 9, ""), (Module(), 0, "perhaps"), (Plain(), 9, "perhaps")]
)
def test_a_saved_model_is_zipped(tmp_path: Path, model: Any, rows: int, remark: str) -> None:
    path, told = TensorFlow().native(model, tmp_path, "net", {"X": np.ones((rows, 3))} if rows else {})
    assert path.name == "net.savedmodel.zip"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name], "its folder is gone"
    assert zipfile.ZipFile(path).namelist() == ["saved_model.pb"]
    assert told.startswith(remark)


def test_a_folder_and_a_zip_are_read(tmp_path: Path) -> None:
    path, _ = TensorFlow().native(Plain(), tmp_path, "net", {})
    assert TensorFlow().read(path).weights == ["weights"]
    save(None, str(tmp_path / "saved"), None)
    assert TensorFlow().read(tmp_path / "saved").weights == ["weights"]


def test_another_zip_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("other", "")
    with pytest.raises(SettingsError, match="no zipped SavedModel"):
        TensorFlow().read(tmp_path / "other.zip")
