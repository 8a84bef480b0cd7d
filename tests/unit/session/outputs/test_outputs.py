"""What files are called as elements of a collection."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from nebulab.session.outputs.elements import LONGEST_IDENTIFIER, Datatypes, name_elements

DATATYPES = Datatypes(["csv", "tsv", "txt", "h5", "onnx", "gz", "fastq", "fastq.gz", "tar.gz", "tabular", "png"])


def named(*paths: str) -> dict[str, tuple[str, str | None]]:
    elements = name_elements([PurePosixPath(path) for path in paths], DATATYPES)
    return {str(element.path): (element.identifier, element.extension) for element in elements}


@pytest.mark.parametrize(
    ("file", "identifier", "extension"),
    [
        ("model.h5", "model", "h5"),
        ("MODEL.H5", "MODEL", "h5"),
        ("reads.1.fastq.gz", "reads.1", "fastq.gz"),
        ("archive.tar.gz", "archive", "tar.gz"),
        ("a file.v1.2.csv", "a file.v1.2", "csv"),
        ("größe.txt", "größe", "txt"),
        ("README", "README", None),
        (".hidden", ".hidden", None),
        (".csv", ".csv", None),
        ("weights.pt", "weights.pt", None),
        ("ends.", "ends.", None),
        ("deep/er/a.csv", "deep/er/a", "csv"),
        ("new\nline.txt", "new_line", "txt"),
    ],
)
def test_a_name_is_split_at_the_longest_known_ending(file: str, identifier: str, extension: str | None) -> None:
    assert named(file) == {file: (identifier, extension)}


def test_files_that_would_share_an_identifier_keep_their_whole_names() -> None:
    assert named("a.csv", "a.tsv", "b.csv") == {
        "a.csv": ("a.csv", "csv"),
        "a.tsv": ("a.tsv", "tsv"),
        "b.csv": ("b", "csv"),
    }


def test_a_whole_name_may_clash_with_a_short_one() -> None:
    """`a.csv.txt` would be `a.csv` too, once the first two have their whole names."""
    found = named("a.csv", "a.tsv", "a.csv.txt")
    identifiers = [identifier for identifier, _ in found.values()]
    assert sorted(identifiers) == ["a.csv", "a.csv.txt", "a.tsv"]


def test_names_that_look_the_same_in_galaxy_stay_apart() -> None:
    found = named("a\n.txt", "a_.txt", "a\t.txt")
    assert len({identifier for identifier, _ in found.values()}) == 3


def test_a_long_name_is_cut_and_stays_its_own() -> None:
    found = named("x" * 250 + "1.csv", "x" * 250 + "2.csv")
    identifiers = {identifier for identifier, _ in found.values()}
    assert len(identifiers) == 2
    assert max(map(len, identifiers)) <= LONGEST_IDENTIFIER


def test_a_name_that_is_no_utf8_arrives() -> None:
    ((identifier, extension),) = named("bad\udcff.csv").values()
    assert identifier.encode("utf-8")
    assert extension == "csv"


def test_a_name_of_dots_arrives() -> None:
    assert named("..csv", "in/..csv") == {"..csv": ("..csv", "csv"), "in/..csv": ("in/..csv", "csv")}


def test_names_do_not_depend_on_the_order_of_the_listing() -> None:
    files = ["b.csv", "a.tsv", "a.csv", "c/a.csv"]
    assert named(*files) == named(*reversed(files))


@pytest.mark.parametrize(
    ("beginning", "extension"),
    [
        (b"", "txt"),
        (b"plain words\nand more\n", "txt"),
        (b"a\tb\n1\t2\n", "tabular"),
        (b"a\tb\nno tab\n", "txt"),
        ("ü".encode(), "txt"),
        (b"\x89PNG\r\n\x1a\n....", "png"),
        (b"\x89HDF\r\n\x1a\n....", "h5"),
        (b"\x80\x04\x95pickle", "data"),
        (b"null\0inside", "data"),
        (b"%PDF-1.7", "txt"),  # not among this Galaxy's datatypes
    ],
)
def test_content_decides_where_the_name_does_not(beginning: bytes, extension: str) -> None:
    assert DATATYPES.sniff(beginning) == extension
