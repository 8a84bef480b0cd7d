"""The form's wish as a training: what Galaxy's tool is asked, and what the page is told meanwhile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nebulab.errors import TransferError
from nebulab.kernel.runs.sending import send
from support.fake_galaxy import FakeGalaxy


@pytest.fixture
def asked(fake: FakeGalaxy) -> list[dict[str, Any]]:
    forms: list[dict[str, Any]] = []

    def start(payload: dict[str, Any]) -> dict[str, Any]:
        forms.append(payload["inputs"])
        return {"jobs": [{"id": "j1"}]}

    fake.answers["tools"] = start
    Path("sub/data").mkdir(parents=True)
    Path("sub/train.ipynb").write_text('{"cells": []}')
    Path("sub/data/x.csv").write_text("a\n1\n")
    return forms


def test_the_form_becomes_the_tools_request(fake: FakeGalaxy, asked: list[dict[str, Any]]) -> None:
    said: list[dict[str, Any]] = []
    wish = {
        "notebook": str(Path("sub/train.ipynb").resolve()),
        "files": ["data/x.csv"],
        "parameters": {"epochs": 3},
        "gpus": 0,
        "time_limit": 120.0,
        "name": "my run",
        "packages": None,
    }
    assert send(wish, said.append) == {"id": "j1", "name": "my run"}
    (form,) = asked
    assert form["ml_h5_dataset_paths"] == "data/x.csv"
    assert (json.loads(form["run|parameters"]), form["run|gpus"], form["run|time_limit"]) == ({"epochs": 3}, 0, 2.0)
    assert fake.shown[form["select_file"]["id"]]["name"] == "my run"
    assert said[0] == {"stage": "preparing"}
    told = [(each["file"], each["done"], each["total"]) for each in said[1:]]
    assert ("my run", 13, 13) in told
    assert ("x.csv", 4, 4) in told


def test_inputs_by_name_beside_files(fake: FakeGalaxy, asked: list[dict[str, Any]]) -> None:
    fake.add("t.tsv", b"1")
    named = {"rate": {"value": 0.5}, "table": {"paths": ["sub/data/x.csv"]}, "other": {"dataset": "d1"}}
    wish = {"notebook": "sub/train.ipynb", "files": ["data/x.csv"], "named": named}
    send(wish, lambda _: None)
    (form,) = asked
    kinds = {
        form[f"user_inputs_{n}|input_name"]: form[f"user_inputs_{n}|input_type|input_type_selector"] for n in range(3)
    }
    assert kinds == {"rate": "float", "table": "dataset_multiple", "other": "dataset"}
    assert form["ml_h5_dataset_paths"] == "data/x.csv"


def test_a_file_that_is_gone_is_told(asked: list[dict[str, Any]]) -> None:
    with pytest.raises(TransferError, match=r"There is no file 'sub/data/none\.csv'"):
        send({"notebook": "sub/train.ipynb", "files": ["data/none.csv"]}, lambda _: None)
    assert not asked
