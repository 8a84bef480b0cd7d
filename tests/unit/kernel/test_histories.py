"""`history` in a notebook: shown, looked into, read and written."""

from __future__ import annotations

from typing import Any

import pytest

from nebulab.errors import DatasetNotFound
from nebulab.kernel.histories import History
from support.fake_galaxy import FakeGalaxy


def test_shown_as_a_table(fake: FakeGalaxy, history: History) -> None:
    fake.add("<b>train</b>", b"12345", extension="tabular", tags=["name:x"])
    fake.add("hidden", visible=False)
    html = history._repr_html_()
    assert html is not None
    assert "&lt;b&gt;train&lt;/b&gt;" in html
    assert "#x" in html
    assert "hidden" not in html
    assert repr(history).splitlines() == [
        "My history (1 item, 5 B)",
        "    1  <b>train</b>  [tabular, 5 B, ok] #x",
    ]


def test_shown_without_a_galaxy(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HISTORY_ID")
    assert "HISTORY_ID" in repr(history)
    assert history._repr_html_() is None


def test_looked_into(fake: FakeGalaxy, history: History) -> None:
    fake.add("a.tsv", extension="tabular", tags=["name:x"])
    fake.add("b.tsv", visible=False)
    assert history[1].name == history["a.tsv"].name == "a.tsv"
    assert [dataset.hid for dataset in history.find(tag="#x", ext="tabular")] == [1]
    assert [dataset.hid for dataset in history.find(hidden=True)] == [1, 2]
    assert len(history) == 1
    assert "a.tsv" in history
    assert history._ipython_key_completions_() == ["a.tsv"]
    with pytest.raises(DatasetNotFound, match=r"a\.tsv"):
        history["A.tsv "]


@pytest.mark.parametrize(
    ("name", "ext", "content", "value"),
    [
        ("x.json", "json", b'{"a": [1]}', {"a": [1]}),
        ("x.json", "txt", b"[1]", [1]),
        ("x", "txt", "tést\n".encode(), "tést\n"),
        ("x", "binary", b"\xff\x00", b"\xff\x00"),
    ],
)
def test_read(fake: FakeGalaxy, history: History, name: str, ext: str, content: bytes, value: object) -> None:
    fake.add(name, content, extension=ext)
    assert history[1].read() == value


@pytest.mark.parametrize(
    ("name", "ext", "content", "options"),
    [
        ("x", "tabular", b"a\tb\n1\t2\n", {}),
        ("x.csv", "csv", b"a,b\n1,2\n", {}),
        ("x.tsv", "txt", b"a\tb\n1\t2\n", {}),
        ("x", "csv", b"a;b\n1;2\n", {"sep": ";"}),
    ],
)
def test_read_tables(
    fake: FakeGalaxy, history: History, name: str, ext: str, content: bytes, options: dict[str, Any]
) -> None:
    fake.add(name, content, extension=ext)
    assert history[1].read(**options).to_dict("list") == {"a": [1], "b": [2]}


def test_read_what_has_no_header(fake: FakeGalaxy, history: History) -> None:
    fake.add("x", b"# made by hand\nchr1\t1\t5\n", extension="bed")
    assert history[1].read().values.tolist() == [["chr1", 1, 5]]


def test_errors_show_no_traceback_in_a_notebook(history: History) -> None:
    with pytest.raises(DatasetNotFound) as raised:
        history[5]
    assert raised.value._render_traceback_() == [
        "DatasetNotFound: The history has no dataset with number 5.\nThe history is empty."
    ]
