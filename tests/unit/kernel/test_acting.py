"""Wishes of the Lab's page in the kernels' environment: JSON in, lines of JSON out, whatever libraries print."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from nebulab.errors import TransferError
from nebulab.kernel.acting import Say, main


@pytest.fixture
def wish(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    asked = {"files": ["a.csv"]}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(asked)))
    return asked


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.usefixtures("wish")
def test_progress_and_result_are_lines_and_prints_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    def do(asked: dict[str, Any], say: Say) -> list[str]:
        print("a library talks")
        say({"done": 1})
        return list(asked["files"])

    assert main(do) == 0
    said = capsys.readouterr()
    assert lines(said.out) == [{"done": 1}, {"result": ["a.csv"]}]
    assert "a library talks" in said.err


@pytest.mark.usefixtures("wish")
def test_a_failure_is_told_with_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    def do(asked: dict[str, Any], say: Say) -> None:
        raise TransferError("There is no file 'a.csv'.", "Check its path.")

    assert main(do) == 1
    assert lines(capsys.readouterr().out) == [{"error": "There is no file 'a.csv'.", "hint": "Check its path."}]
