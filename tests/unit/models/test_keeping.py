"""What becomes of a model: proven, in its own format, a pickle, or nothing; with a library of the tests' own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nebulab.errors import SettingsError
from nebulab.models import card, keeping, libraries
from nebulab.models.attempt import Attempt, CantExport, Output, Untrained
from nebulab.models.keeping import keep
from nebulab.models.libraries import Library
from nebulab.models.proof import Compared, Proof


class Model:
    """A model, which can be pickled."""


def works(path: Path) -> None:
    path.write_bytes(b"file")


def fails(path: Path) -> None:
    raise RuntimeError("no converter")


class Ours(Library):
    """Tries what the test says, and keeps a text."""

    kind, package = "ours", "numpy"
    classes = ((__name__, "Model"),)

    def __init__(self) -> None:
        self.ways: list[Callable[[Path], None] | Exception] = [works]
        self.native_fails = False

    def is_mine(self, value: Any) -> bool:
        return isinstance(value, Model)

    def attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        for way in self.ways:
            if isinstance(way, Exception):
                raise way
            yield Attempt(way, [np.zeros((2, 1))], [Output("call", np.zeros(2))], "made up")

    def native(self, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
        if self.native_fails:
            raise RuntimeError("no format")
        path = folder / f"{name}.ours"
        path.write_text("model")
        return path, "a remark"


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Ours:
    """The only library; proofs hold, and nothing is written into files."""
    ours = Ours()
    monkeypatch.setattr(libraries, "LIBRARIES", (ours,))
    monkeypatch.setattr(card, "complete", lambda *_: None)
    proven(monkeypatch, True)
    return ours


def proven(monkeypatch: pytest.MonkeyPatch, *verdicts: bool) -> None:
    answers = iter(verdicts)

    def prove(path: Path, attempt: Attempt) -> Proof:
        holds = next(answers, verdicts[-1])
        return Proof(
            holds, 2, "made up", "float32", [Compared("y", "call", agrees=holds)], "" if holds else "it differs"
        )

    monkeypatch.setattr(keeping, "prove", prove)


def test_a_proven_model_is_a_file_and_a_card(library: Ours, tmp_path: Path) -> None:
    kept = keep("net", Model(), tmp_path, {})
    assert (kept.fate, kept.reason) == ("model", "")
    assert kept.files == ["models/net.onnx", "cards/net.json", "cards/net.html", "cards/net.txt"]
    told = json.loads((tmp_path / "cards/net.json").read_text())
    assert (told["kind"], told["verified"], told["versions"]["numpy"]) == ("ours", True, np.__version__)


def test_the_next_way_is_tried(library: Ours, tmp_path: Path) -> None:
    library.ways = [fails, works]
    assert keep("net", Model(), tmp_path, {}).fate == "model"


@pytest.mark.parametrize(
    ("ways", "reason"),
    [
        ([fails], "no ONNX: RuntimeError: no converter; kept as net.ours: a remark"),
        ([CantExport("it has no call")], "no ONNX: it has no call; kept as net.ours: a remark"),
        ([fails, CantExport("the second")], "no ONNX: the second; kept as net.ours: a remark"),
        ([fails, ValueError("later")], "no ONNX: RuntimeError: no converter; kept as net.ours: a remark"),
        ([], "no ONNX: no converter takes it; kept as net.ours: a remark"),
    ],
)
def test_what_is_not_proven_is_kept_in_its_own_format(
    library: Ours, tmp_path: Path, ways: list[Any], reason: str
) -> None:
    library.ways = ways
    kept = keep("net", Model(), tmp_path, {})
    assert (kept.fate, kept.reason) == ("native model", reason)
    assert kept.files == ["native_models/net.ours", "cards/net.json", "cards/net.html", "cards/net.txt"]
    assert list((tmp_path / "models").iterdir()) == [], "no part of a file is left"


def test_a_file_that_computes_otherwise_is_no_model(
    library: Ours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven(monkeypatch, False)
    kept = keep("net", Model(), tmp_path, {})
    assert kept.fate == "native model"
    assert kept.reason.startswith("no ONNX: it differs;")
    assert kept.proof is not None


def test_the_type_and_not_the_words_tell_an_untrained_model(library: Ours, tmp_path: Path) -> None:
    library.ways = [Untrained("any words")]
    kept = keep("net", Model(), tmp_path, {})
    assert (kept.fate, kept.files, kept.reason) == ("not kept", [], "any words")
    library.ways = [CantExport("it is not fitted, so to speak")]
    assert keep("net", Model(), tmp_path, {}).fate == "native model"


def test_a_pickle_is_the_last_resort_and_is_called_one(library: Ours, tmp_path: Path) -> None:
    library.ways, library.native_fails = [fails], True
    kept = keep("net", Model(), tmp_path, {})
    assert kept.files[0] == "native_models/net.pickle"
    assert "a PICKLE, which runs code when it is read (RuntimeError: no format)" in kept.reason


def test_what_can_not_be_pickled_either_is_not_kept(library: Ours, tmp_path: Path) -> None:
    library.ways, library.native_fails = [fails], True
    model = Model()
    model.inner = lambda: None  # type: ignore[attr-defined]
    kept = keep("net", model, tmp_path, {})
    assert kept.fate == "not kept"
    assert "nor a pickle" in kept.reason
    assert list((tmp_path / "native_models").iterdir()) == []


def test_after_an_export_was_ended_no_other_begins(library: Ours, tmp_path: Path) -> None:
    library.ways = [lambda path: pytest.fail("an export begins")]
    kept = keep("net", Model(), tmp_path, {}, ended="its export took all the memory")
    assert (kept.fate, kept.files[0]) == ("native model", "native_models/net.ours")
    assert kept.reason == "no ONNX: its export took all the memory; kept as net.ours: a remark"


def test_another_object_is_refused(library: Ours, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no model of a known library"):
        keep("x", object(), tmp_path, {})


def test_a_file_that_does_not_run_is_mended_once(
    library: Ours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mended: list[Path] = []

    def prove(path: Path, attempt: Attempt) -> Proof:
        if not mended:
            raise RuntimeError("no operator")
        return Proof(True, 2, "made up", "float32", [Compared("y", "call", agrees=True)])

    monkeypatch.setattr(keeping, "prove", prove)
    monkeypatch.setattr(keeping, "mend", lambda path: False)
    assert "the exported file does not run: RuntimeError: no operator" in keep("net", Model(), tmp_path, {}).reason

    def mend(path: Path) -> bool:
        mended.append(path)
        return True

    monkeypatch.setattr(keeping, "mend", mend)
    assert keep("net", Model(), tmp_path, {}).fate == "model"
