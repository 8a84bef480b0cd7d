"""A look into a dataset: the right kind for each, little read, nothing that runs, and a word where there is nothing."""

from __future__ import annotations

import base64
import gzip
import io
import json
from typing import Any

import h5py
import pytest

from nebulab.errors import DatasetFailed, DatasetNotReady
from nebulab.kernel.panel import previews
from support.fake_galaxy import KEY, FakeGalaxy

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
SCRIPT = "<script>alert(1)</script>"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">{SCRIPT}</svg>'.encode()


@pytest.fixture
def look(fake: FakeGalaxy, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("GALAXY_URL", fake.url)
    monkeypatch.setenv("API_KEY", KEY)

    def looked(name: str, content: bytes, **fields: Any) -> dict[str, Any]:
        return previews.preview({"id": fake.add(name, content, **fields)["id"]}, print)

    return looked


def test_a_table(look: Any) -> None:
    found = look("petals.tsv", b"a\tb\n1\t2\n", extension="tabular")
    assert found["kind"] == "table"
    assert (found["name"], found["columns"], found["rows"]) == ("petals.tsv", ["a", "b"], [["1", "2"]])


@pytest.mark.parametrize(("name", "extension"), [("x.csv", "csv"), ("x.csv", "txt"), ("x.csv.gz", "csv.gz")])
def test_a_table_is_known_by_its_datatype_or_its_name(look: Any, name: str, extension: str) -> None:
    content = b"a,b\n1,2\n"
    found = look(name, gzip.compress(content) if name.endswith("gz") else content, extension=extension)
    assert (found["kind"], found["rows"]) == ("table", [["1", "2"]])


def test_of_a_long_text_the_beginning_is_read(look: Any, fake: FakeGalaxy) -> None:
    found = look("long.txt", b"line\n" * 1_000_000)
    assert (found["kind"], found["more"], len(found["text"])) == ("text", True, 100_000)


def test_a_few_bytes_that_stand_for_gigabytes_are_not_unpacked(look: Any) -> None:
    found = look("bomb.txt", gzip.compress(b"0" * 50_000_000))
    assert (found["kind"], found["more"], len(found["text"])) == ("text", True, 100_000)


@pytest.mark.parametrize("text", ["é" * 200_000, "\ufeffa,b", "caf\xe9"])
def test_texts_of_other_encodings(look: Any, text: str) -> None:
    encoding = "latin-1" if text.startswith("caf") else "utf-8"
    assert look("x.txt", text.encode(encoding))["text"] == text.removeprefix("\ufeff")[:100_000]


def test_html_is_shown_as_its_source(look: Any) -> None:
    found = look("page.html", SCRIPT.encode(), extension="html")
    assert (found["kind"], found["text"]) == ("text", SCRIPT)


def test_an_image_has_the_type_of_its_content(look: Any) -> None:
    found = look("plot", PNG, extension="svg.png")
    assert (found["kind"], found["type"], base64.b64decode(found["data"])) == ("image", "image/png", PNG)


def test_a_page_that_is_called_an_image_is_none(look: Any) -> None:
    assert look("x.png", SCRIPT.encode(), extension="png")["kind"] == "none"
    assert look("x.svg", SCRIPT.encode(), extension="svg")["kind"] == "none"


def test_a_drawing_is_an_image_of_a_fixed_type(look: Any) -> None:
    found = look("x.svg", SVG, extension="svg")
    assert (found["kind"], found["type"]) == ("image", "image/svg+xml")
    assert base64.b64decode(found["data"]) == SVG


def test_a_huge_image_is_not_sent(look: Any) -> None:
    assert "too large" in look("x.png", PNG + bytes(9_000_000), extension="png")["text"]


def test_hdf5_by_datatype_or_by_content(look: Any) -> None:
    file = io.BytesIO()
    with h5py.File(file, "w") as opened:
        opened["a"] = [1, 2, 3]
    for extension in ("h5", "data"):
        found = look("x", file.getvalue(), extension=extension)
        assert (found["kind"], found["nodes"][0]["what"]) == ("hdf5", "3, int64")


def test_a_notebook(look: Any) -> None:
    notebook = {"cells": [{"cell_type": "markdown", "source": SCRIPT}]}
    found = look("x.ipynb", json.dumps(notebook).encode(), extension="ipynb")
    assert (found["kind"], found["cells"][0]["source"]) == ("notebook", SCRIPT)


@pytest.mark.parametrize("extension", ["h5", "onnx", "ipynb", "csv.gz", "data"])
def test_a_broken_file_is_a_word(look: Any, extension: str) -> None:
    for content in (b"\x1f\x8bbroken", b"\0" * 3000, b"[" * 100_000, b"{"):
        found = look("x", content, extension=extension)
        assert found["kind"] in {"none", "text", "table"}, (extension, content[:9])


def test_without_content_or_preview_there_is_a_word(look: Any) -> None:
    assert look("x.txt", b"")["text"] == "The dataset is empty."
    assert "no preview of the datatype bam" in look("x.bam", b"BAM\1\0", extension="bam")["text"]


def test_what_is_not_ready_or_failed_is_told(look: Any) -> None:
    with pytest.raises(DatasetNotReady):
        look("x", b"x", state="running")
    with pytest.raises(DatasetFailed):
        look("x", b"x", state="error")
