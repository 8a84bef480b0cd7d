"""A history of the real Galaxy in a notebook's words; listings and look-ups cost a fixed number of requests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nebulab import kernel
from nebulab.errors import DatasetNotFound
from nebulab.galaxy.contents import list_contents
from nebulab.kernel import connecting
from nebulab.kernel.histories import History
from support.galaxy import GalaxyUser, wait_for

pytestmark = pytest.mark.system

COUNT = 60


@pytest.fixture
def requests(galaxy: GalaxyUser, history: str, enter: Callable[[GalaxyUser, str], History]) -> list[str]:
    """Give this process a session's environment; the requests to Galaxy's API, as they are made."""
    enter(galaxy, history)
    made: list[str] = []
    connecting.connect()._http.event_hooks = {
        "request": [lambda request: made.append(f"{request.method} {request.url.path}")]
    }
    return made


def fill(galaxy: GalaxyUser, history: str) -> None:
    elements = [
        {"src": "pasted", "paste_content": f"n\n{number}\n", "name": f"número {number}.tsv", "ext": "tabular"}
        for number in range(1, COUNT + 1)
    ]
    target = {"destination": {"type": "hdas"}, "elements": elements}
    galaxy.gi.make_post_request(f"{galaxy.url}/api/tools/fetch", {"history_id": history, "targets": [target]})
    wait_for(
        "the datasets",
        lambda: galaxy.get(f"histories/{history}", keys="state_details")["state_details"]["ok"] == COUNT,
        timeout=500,
        interval=2,
    )


def test_a_long_history_costs_one_request_a_look(
    galaxy: GalaxyUser, history: str, requests: list[str], tmp_path: Path
) -> None:
    fill(galaxy, history)
    here = History()
    assert len(here) == COUNT
    assert requests == [f"GET /api/histories/{history}/contents"]
    requests.clear()
    found = here.find(ext="tabular", regex=r"^número 1\d\.")
    assert [dataset.hid for dataset in found] == list(range(10, 20))
    assert here["número 7.tsv"].hid == 7
    assert here[8].size == len("n\n8\n")
    assert len(requests) == 3
    requests.clear()
    with pytest.raises(DatasetNotFound, match=r"número 7\.tsv"):
        here["numero 7.tsv"]
    requests.clear()
    assert kernel.find_matching_history_ids("NÚMERO 2") == [2, *range(20, 30)]
    assert len(requests) == 1
    requests.clear()
    paths = kernel.get([3, 4, 5])
    assert [Path(path).read_text() for path in paths] == ["n\n3\n", "n\n4\n", "n\n5\n"]
    assert [Path(path).name for path in paths] == ["3", "4", "5"]
    assert len(requests) == 1 + 3, "one listing, and for each download what it is verified by"
    requests.clear()
    assert kernel.get([3, 4, 5]) == paths
    assert len(requests) == 1
    assert len(kernel.get_user_history()) == COUNT


def test_a_listing_has_no_limit(galaxy: GalaxyUser, history: str, requests: list[str]) -> None:
    """Galaxy cuts some of its listings after 500 or 1,000 entries unless it is told otherwise; not this one."""
    source = galaxy.upload(history, "x\n", "x.txt")
    items = [{"src": "hda", "id": source["id"], "name": f"{number}"} for number in range(1200)]
    payload = {"type": "dataset_collection", "collection_type": "list", "name": "many", "element_identifiers": items}
    galaxy.gi.make_post_request(
        f"{galaxy.url}/api/histories/{history}/contents/dataset_collections",
        payload | {"copy_elements": True},
    )
    assert len(list_contents(connecting.connect(), history)) == 1202
    assert len(History().find(hidden=True)) == 1202
    assert len(History()) == 2
    assert len(History()["many"].elements) == 1200


def test_predecessor_s_connection(galaxy: GalaxyUser, history: str, requests: list[str]) -> None:
    assert kernel.get_galaxy_connection().gi.histories.show_history(history)["id"] == history
    assert kernel.get_galaxy_connection(obj=False).histories.show_history(history)["id"] == history


def test_put_and_get_as_the_predecessor_did(
    galaxy: GalaxyUser, history: str, requests: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("breast é.tsv").write_text("a\tb\n1\t2\n")
    assert kernel.put("breast é.tsv", file_type="tabular") is None  # type: ignore[func-returns-value]  # the predecessor's returned None
    History()[1].wait(500)
    assert kernel.get(1, retrieve_datatype=True) == ([str(tmp_path / "cache" / "1")], "tabular")
    assert kernel.get("breast é.tsv", "name") == str(tmp_path / "cache" / "breast é.tsv")
    assert kernel.get(["BREAST"], "regex") == str(tmp_path / "cache" / "1")
