"""A result fetched into the working folder beside what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from nebulab.errors import NebulabError
from nebulab.kernel.runs.fetching import fetch
from support.fake_galaxy import FakeGalaxy


def test_a_result_lies_beside_what_is_there(fake: FakeGalaxy) -> None:
    shown = fake.add("figure", b"picture")
    wish = {"id": shown["id"], "target": str(Path("trainings/my run/figure.png"))}
    assert fetch(wish, lambda _: None) == {"path": "trainings/my run/figure.png"}
    assert Path("trainings/my run/figure.png").read_bytes() == b"picture"
    Path("trainings/my run/figure.png").write_text("changed")
    assert fetch(wish, lambda _: None) == {"path": "trainings/my run/figure (2).png"}
    assert Path("trainings/my run/figure.png").read_text() == "changed"


@pytest.mark.usefixtures("fake")
def test_one_that_is_not_there_is_told() -> None:
    with pytest.raises(NebulabError):
        fetch({"id": "d99", "target": "x"}, lambda _: None)
