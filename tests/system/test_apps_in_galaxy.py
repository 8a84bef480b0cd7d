"""Apps and pages in a session of a real Galaxy: through its proxy, with its token, and a page in the history."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Page, expect

from support import chromium
from support.galaxy import GalaxyUser
from support.session import Session
from support.stack import Stack

pytestmark = pytest.mark.system

CELLS = (
    "print('seen by everybody')",
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()",
    "from IPython.display import HTML\nHTML('<b id=made>before</b><script>made.textContent = \"ran\"</script>')",
)


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium.opened(height=900, seconds=90) as page:
        yield page


def test_an_app_and_a_page_of_it_in_the_history(stack: Stack, galaxy: GalaxyUser, history: str, page: Page) -> None:
    _, point = galaxy.start_session(history)
    session = Session(stack, point["target"])
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS], metadata=kernel)
    with session.owner() as owner:
        content = {"type": "notebook", "content": json.loads(nbformat.writes(made))}
        owner.put("/api/contents/shown.ipynb", json=content).raise_for_status()
        address = owner.post("/nebulab/apps/open", json={"path": "shown.ipynb"}).raise_for_status().json()["address"]
        with session.stranger() as stranger:
            assert stranger.get(address).status_code == 403
        page.goto(point["target"])
        page.locator(".jp-DirListing").wait_for()
        page.goto(f"http://{session.host}{address}")
        expect(page.get_by_text("seen by everybody")).to_be_visible(timeout=90_000)
        expect(page.locator("img[src^='data:image/png']")).to_be_visible()
        chromium.picture(page, "app-in-galaxy")

        begun = owner.post("/nebulab/apps/page", json={"path": "shown.ipynb", "history": True}).raise_for_status()
        said = finished(owner, begun.json()["id"])
        assert said["path"] == "outputs/shown.html"
    [sent] = [one for one in galaxy.gi.histories.show_history(history, contents=True) if one["hid"] == said["hid"]]
    assert galaxy.wait_dataset(sent["id"])["file_ext"] == "html"
    galaxy.stop_session(point["id"])

    # Galaxy shows its source, and runs nothing of it, since nobody has allowed the tool that made it.
    page.goto(f"{stack.url}/login/start")
    page.fill("input[name=login]", stack.user.email)
    page.fill("input[name=password]", stack.user.password)
    page.click("button[name=login]")
    page.locator("#activity-upload").wait_for()
    page.goto(f"{stack.url}/api/datasets/{sent['id']}/display?preview=true")
    expect(page.get_by_text("seen by everybody")).to_be_visible()
    chromium.picture(page, "page-in-galaxy")
    assert page.locator("script").count() == 0
    assert page.get_by_text("<!DOCTYPE html>").count() == 1


def finished(owner: Any, name: str) -> dict[str, Any]:
    """Ask until the page is made, and return what became of it."""
    for _ in range(120):
        answer = owner.get("/nebulab/apps/page", params={"id": name})
        if answer.status_code != 202:
            said: dict[str, Any] = answer.raise_for_status().json()
            return said
        time.sleep(1)
    raise AssertionError("the page is not made after two minutes")
