"""The model card: measures out of the globals, versions, and the page. Inside a file: `inside/card.py`."""

from __future__ import annotations

import html
import json
from dataclasses import replace
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
    assert card.write(made, tmp_path / "cards") == ["cards/net.json", "cards/net.html", "cards/net.txt"]
    told = "Not checked against the original: no <converter>"
    assert html.escape(told) in (tmp_path / "cards/net.html").read_text()
    assert told in (tmp_path / "cards/net.txt").read_text()


def _whole() -> dict[str, Any]:
    made = card.make("<net>", object(), SCIKIT, {"loss": 1.0}, PROOF)
    return made | {"inputs": [{"name": "X", "type": "float", "shape": ["any", 30]}]}


def test_the_page_shows_the_proof() -> None:
    page = card.page(_whole())
    assert "<h1>&lt;net&gt;</h1>" in page
    assert "Checked: the file gives the same predictions as the original." in page
    assert "Checked on 64 rows that were found in &lt;X&gt;, computed in float32." in page
    assert "<td>0.01</td><td>0.001</td>" in page


def test_the_page_is_for_every_reader() -> None:
    page = card.page(_whole())
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert page.count("<main>") == page.count("</main>") == 1
    assert "prefers-color-scheme: dark" in page
    assert page.count('<th scope="col">') == 5 + 3 + 2 * 3
    assert "<th></th>" not in page
    assert "<td>any number × 30</td>" in page
    assert "['any', 30]" not in page


def test_the_text_says_the_same_without_marks() -> None:
    shown = card.text(_whole())
    assert shown.startswith("<net>\n=====\nbuiltins.object\n\nChecked: the file gives the same predictions")
    assert "\nname  type   shape\nX     float  any number × 30\n" in shown
    assert "</" not in shown
    assert [line for line in shown.splitlines() if line != line.rstrip()] == []


def test_markdown_has_what_the_page_has() -> None:
    shown = card.markdown(_whole(), "For **tests**.")
    assert shown.startswith(
        "# &lt;net&gt;\n\n`builtins.object`\n\nFor **tests**.\n\nChecked: the file gives the same predictions"
    )
    assert "\n## Inputs\n\n| name | type | shape |\n| --- | --- | --- |\n| X | float | any number × 30 |\n" in shown
    assert "found in &lt;X&gt;" in shown
    assert shown.count("\n## ") == card.page(_whole()).count("<h2>")
    assert "For" not in card.markdown(_whole())


def test_nothing_leaves_its_cell_of_a_markdown_table() -> None:
    hostile = _whole() | {"metrics": {"a|b": "1\n2", "<img src=x>": "&"}, "verified": False, "reason": "<b>\n# no"}
    shown = card.markdown(hostile)
    assert "\n| a\\|b | 1 2 |\n| &lt;img src=x&gt; | &amp; |\n" in shown
    assert "\nNot checked against the original: &lt;b&gt; # no\n" in shown
    assert "<" not in shown


@pytest.mark.parametrize(
    ("shape", "told"),
    [(["unk__21", 64, 64, 3], "any number × 64 × 64 × 3"), (["batch", 2], "batch × 2"), ([], "one value")],
)
def test_a_free_size_has_no_name_of_the_converters(shape: list[Any], told: str) -> None:
    made = _whole() | {"inputs": [{"name": "X", "type": "float", "shape": shape}]}
    assert f"| X | float | {told} |" in card.markdown(made)
    assert f"<td>{told}</td>" in card.page(made)


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        ("seen during fit", "Checked on 64 rows of the training data,"),
        ("seen in a call", "Checked on 64 rows that the notebook gave to the model,"),
        ("given by the user", "Checked on 64 rows that nebulab.sample was given,"),
        ("made up", "Checked on 64 rows of random numbers,"),
        ("found in X_test", "Checked on 64 rows that were found in X_test,"),
    ],
)
def test_each_origin_of_the_rows_is_told(sample: str, told: str) -> None:
    assert told in card.text(card.make("net", object(), SCIKIT, {}, replace(PROOF, sample=sample)))
