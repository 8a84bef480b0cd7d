"""The model card: measures out of the globals, versions, and the page. Inside a file: `inside/card.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nebulab.models import card
from nebulab.models.libraries import LIBRARIES
from nebulab.models.proof import Compared, Proof

(SCIKIT,) = [library for library in LIBRARIES if library.kind == "sklearn"]
PROOF = Proof(True, 64, "found in <X>", "float32", [Compared("y", "predict", 0.01, 0.001, None, True)])


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("test_accuracy", 0.9, 0.9),
        ("loss", [3, 2, 1.0], 1.0),
        ("F1", np.float32(0.5), 0.5),
        ("_loss", 1.0, None),
        ("accurate", 1.0, None),
        ("loss", "low", None),
        ("loss", [], None),
        ("loss", True, None),
    ],
)
def test_measures_are_numbers_called_like_one(name: str, value: Any, found: float | None) -> None:
    assert card.metrics({name: value}) == ({} if found is None else {name: found})


def test_there_are_50_measures_at_most() -> None:
    assert len(card.metrics({f"loss_{number}": 1.0 for number in range(80)})) == 50


def test_versions_are_those_of_what_is_installed() -> None:
    versions = card.versions("no-such-package")
    assert {"python", "numpy", "nebulab"} <= set(versions)
    assert "no-such-package" not in versions


def test_a_card_has_these_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEBULAB_CODE_SHA256", "abc")
    made = card.make("net", object(), SCIKIT, {"loss": 1.0}, PROOF)
    assert list(made) == [
        "name", "class", "kind", "verified", "proof", "reason", "inputs", "outputs", "metrics", "versions",
        "code_sha256", "hardware", "date",
    ]  # fmt: skip
    assert (made["class"], made["kind"], made["verified"]) == ("builtins.object", "sklearn", True)
    assert (made["code_sha256"], made["metrics"]) == ("abc", {"loss": 1.0})
    json.dumps(made)


def test_without_a_proof_nothing_is_verified(tmp_path: Path) -> None:
    made = card.make("net", object(), SCIKIT, {}, None, "no <converter>")
    assert not made["verified"]
    assert card.write(made, tmp_path / "cards") == ["cards/net.json", "cards/net.html"]
    assert "not verified: no &lt;converter&gt;" in (tmp_path / "cards/net.html").read_text()


def test_the_page_shows_the_proof() -> None:
    page = card.page(card.make("<net>", object(), SCIKIT, {}, PROOF))
    assert "<h1>&lt;net&gt;</h1>" in page
    assert "64 rows, found in &lt;X&gt;; float32" in page
    assert "<td>0.01</td><td>0.001</td>" in page
