"""Files that the history holds already are not sent again, whoever put them there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.progress import Silent
from nebulab.galaxy.settings import GalaxySettings
from nebulab.kernel.runs.known import HistoryFiles
from support.fake_galaxy import KEY, FakeGalaxy

CONTENT = b"a,b\n1,2\n" * 50_000


@pytest.fixture
def files(fake: FakeGalaxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HistoryFiles]:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_bytes(CONTENT)
    with Galaxy(GalaxySettings(fake.url, KEY)) as galaxy:
        yield HistoryFiles(galaxy, "h1", Silent)


@pytest.mark.parametrize("function", ["SHA-1", "SHA-256", ""])
@pytest.mark.parametrize("name", ["rows.csv", "rows"])
def test_a_file_of_the_history_is_known(fake: FakeGalaxy, files: HistoryFiles, function: str, name: str) -> None:
    """By the hash that Galaxy has of it; of what was uploaded in its page it may have none."""
    algorithm = hashlib.new(function.replace("-", "") or "sha1", CONTENT)
    hashes = [{"hash_function": function, "hash_value": algorithm.hexdigest()}] if function else []
    same = fake.add(name, CONTENT, extension="csv", hashes=hashes)
    fake.add("rows.csv", CONTENT[:-2] + b"3\n")
    assert files.reference("rows.csv") == {"src": "hda", "id": same["id"]}
    assert not fake.uploads
    # As the Galaxy panel names a second download.
    Path("rows.csv").rename("rows-2.csv")
    assert files.reference("rows-2.csv") == {"src": "hda", "id": same["id"]}
    # What a job is called by has to have that very name.
    files.reference("rows-2.csv", label="rows-2.csv")
    assert len(fake.uploads) == 1


@pytest.mark.parametrize(
    "fields", [{"state": "running"}, {"hashes": [{"hash_function": "SHA-1", "hash_value": "another"}]}]
)
def test_another_file_is_sent(fake: FakeGalaxy, files: HistoryFiles, fields: dict[str, object]) -> None:
    fake.add("rows.csv", CONTENT, **fields)
    fake.add("other.csv", CONTENT)
    files.reference("rows.csv")
    assert len(fake.uploads) == 1
