"""A file that the Lab's page sends into the history."""

from __future__ import annotations

from pathlib import Path

import pytest

from nebulab.errors import TransferError
from nebulab.kernel.apps.sending import send
from nebulab.kernel.histories import History


def test_a_file_is_sent_under_its_name_as_the_datatype_that_is_asked_for(history: History) -> None:
    Path("a page.html").write_text("<p>made</p>")
    said = send({"path": str(Path("a page.html").absolute()), "ext": "html"}, lambda _: None)
    [sent] = history.find()
    assert said == {"hid": sent.hid, "name": "a page.html"}
    assert sent.ext == "html"


@pytest.mark.usefixtures("history")
def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(TransferError, match="no file"):
        send({"path": "gone.html", "ext": "html"}, lambda _: None)
