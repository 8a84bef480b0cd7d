"""A path below `/import`, as the predecessor's notebooks wrote it, is answered with the line to write."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from nebulab.kernel.advice import for_error


def error_of(path: str) -> FileNotFoundError:
    with pytest.raises(FileNotFoundError) as caught:
        Path(path).read_text()
    return caught.value


@pytest.mark.skipif(Path("/import").is_dir(), reason="this machine has a folder /import")
def test_a_download_of_get_says_how_to_find_it() -> None:
    assert for_error(error_of("/import/1")).endswith("Write: path = get(1)")
    assert 'get("train.tsv", identifier_type="name")' in for_error(error_of("/import/train.tsv/x"))


@pytest.mark.skipif(Path("/import").is_dir(), reason="this machine has a folder /import")
def test_libraries_that_name_the_file_in_their_message_alone() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        h5py.File("/import/7", "r")
    assert for_error(caught.value).endswith("path = get(7)")


def test_another_missing_file_gets_no_advice() -> None:
    assert for_error(error_of("/nowhere/import/1")) == ""
    assert for_error(error_of("/import")) == "" or Path("/import").is_dir()
