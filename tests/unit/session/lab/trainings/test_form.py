"""The filled-in form: values by their kinds, files, and a sentence for each field that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nebulab.session.lab.trainings.form import FormFault, below, check, value


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "sub" / "data").mkdir(parents=True)
    (tmp_path / "sub" / "train.ipynb").write_text("{}")
    (tmp_path / "sub" / "data" / "x.csv").write_text("x")
    (tmp_path / "sub" / "a,b.csv").write_text("x")
    (tmp_path / "beside.csv").write_text("x")
    return tmp_path


FORM: dict[str, Any] = {"path": "sub/train.ipynb"}


def faults(root: Path, **fields: Any) -> dict[str, str]:
    with pytest.raises(FormFault) as caught:
        check(FORM | fields, root)
    return caught.value.fields


def test_a_form_that_is_right_becomes_a_wish(root: Path) -> None:
    form = FORM | {
        "parameters": {"epochs": {"type": "int", "text": "5"}, "word": {"type": "str", "text": "5"}},
        "files": ["data/x.csv", "data/x.csv"],
        "named": {"rate": {"value": 0.5}, "table": {"paths": ["/x"], "other": 1}},
        "gpus": 1,
        "minutes": "90",
        "name": "  my \n run ",
    }
    assert check(form, root) == {
        "notebook": str(root / "sub" / "train.ipynb"),
        "parameters": {"epochs": 5, "word": "5"},
        "files": ["data/x.csv"],
        "named": {"rate": {"value": 0.5}, "table": {"paths": ["/x"]}},
        "gpus": 1,
        "time_limit": 5400.0,
        "name": "my run",
        "packages": "session",
    }


def test_an_empty_form_asks_for_nothing(root: Path) -> None:
    wish = check(FORM | {"packages": False, "minutes": ""}, root)
    assert (wish["gpus"], wish["time_limit"], wish["packages"], wish["name"]) == (None, None, None, "")


@pytest.mark.parametrize(
    ("kind", "text", "read"),
    [
        ("int", " 12 ", 12),
        ("int", "-3", -3),
        ("float", "1e-3", 0.001),
        ("float", "2", 2.0),
        ("bool", "True", True),
        ("bool", "false", False),
        ("str", "a: [1", "a: [1"),
        ("str", "", ""),
        ("list", "[1, 'a']", [1, "a"]),
        ("list", "(1, 2)", [1, 2]),
        ("dict", '{"a": true}', {"a": True}),
        ("any", "None", None),
        ("any", "3", 3),
        ("any", "just a word", "just a word"),
        ("any", "{1, 2}", "{1, 2}"),
        ("unknown", "[1]", [1]),
    ],
)
def test_values_by_their_kind(kind: str, text: str, read: Any) -> None:
    found = value(kind, text)
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("int", "1.5"),
        ("int", ""),
        ("int", "ten"),
        ("float", "0,5"),
        ("float", "nan"),
        ("float", "inf"),
        ("bool", "perhaps"),
        ("list", "{}"),
        ("list", "[1"),
        ("list", "[" * 5000),
        ("dict", "[1]"),
        ("dict", "__import__('os')"),
        ("str", "x" * 100_001),
    ],
)
def test_a_value_of_another_kind_gets_a_sentence(root: Path, kind: str, text: str) -> None:
    told = faults(root, parameters={"p": {"type": kind, "text": text}})
    assert list(told) == ["parameters.p"]
    assert told["parameters.p"].endswith(".")


@pytest.mark.parametrize("path", ["", "none.ipynb", "../train.ipynb", "sub", "sub/../../etc/passwd", "a\0b"])
def test_a_program_that_is_not_there_is_told(root: Path, path: str) -> None:
    assert list(faults(root, path=path)) == ["path"]


@pytest.mark.parametrize("path", ["none.csv", "../beside.csv", "/etc/passwd", "a,b.csv", ""])
def test_a_file_that_a_job_could_not_have_is_told(root: Path, path: str) -> None:
    assert list(faults(root, files=[path])) == [f"files.{path}"]


@pytest.mark.parametrize("minutes", ["0", "-1", "soon", "inf", "1e12"])
def test_a_time_limit_that_is_none_is_told(root: Path, minutes: str) -> None:
    assert list(faults(root, minutes=minutes)) == ["minutes"]


def test_all_that_is_wrong_is_told_at_once(root: Path) -> None:
    told = faults(root, gpus=99, name="x" * 500, minutes="x", named={"t": None}, parameters={"e": {"type": "int"}})
    assert set(told) == {"gpus", "name", "minutes", "named.t", "parameters.e"}


def test_a_path_stays_below_the_folder(tmp_path: Path) -> None:
    assert below(tmp_path, "/a/b") == tmp_path / "a" / "b"
    assert below(tmp_path, "a/../../b") is None
    assert below(tmp_path, None) is None
