"""The Galaxy panel of a real session with a real Galaxy: a person who writes no code gets data in, out and into a
notebook; with mouse and keyboard only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from support import chromium
from support.galaxy import GalaxyUser, wait_for
from support.session import Session
from support.stack import Account, Stack

pytestmark = pytest.mark.system
expect.set_options(timeout=120_000)

TABLE = "length\twidth\n" + "".join(f"{number}\t{number % 7}\n" for number in range(30))


@dataclass
class Opened:
    """A session's Lab in a browser, with the panel open."""

    page: Page
    session: Session
    galaxy: GalaxyUser
    history: str
    person: Account
    first: dict[str, Any]
    """The dataset `petals.tsv`."""
    errors: list[str]

    def item(self, name: str) -> Locator:
        return self.page.get_by_role("treeitem").filter(has_text=name)

    def choose(self, name: str, command: str) -> None:
        """Take a command of an item's menu."""
        self.item(name).click(button="right")
        self.page.get_by_role("menuitem", name=command).click()

    def named(self, name: str, **filters: Any) -> list[dict[str, Any]]:
        listed = self.galaxy.get(f"histories/{self.history}/contents", v="dev", view="summary", **filters)
        return [each for each in listed if each["name"] == name]


@pytest.fixture(scope="module")
def opened(stack: Stack) -> Iterator[Opened]:
    """One session for all tests here: each takes most of a minute to start."""
    from system.conftest import new_account

    person: Account = new_account(stack, "panel")
    galaxy = GalaxyUser(stack.url, person.key, stack.data_dir / "logs" / "galaxy.log")
    history = galaxy.new_history("panel")
    first = galaxy.upload(history, TABLE, "petals.tsv", "tabular")
    _, point = galaxy.start_session(history)
    with chromium.opened() as page:
        page.set_default_timeout(120_000)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(point["target"])
        expect(page.get_by_role("tab", name="Start here.ipynb")).to_be_visible()
        page.locator(".jp-SideBar [data-id=nebulab-galaxy]").click()
        yield Opened(page, Session(stack, point["target"]), galaxy, history, person, first, errors)
    galaxy.stop_session(point["id"])


def test_a_dataset_becomes_a_data_frame_by_the_mouse(opened: Opened) -> None:
    page = opened.page
    expect(opened.item("petals.tsv")).to_have_attribute("data-state", "ok")
    expect(page.get_by_role("button", name="panel")).to_be_visible()
    # The notebook's card on a launcher, then the dataset's menu, then the toolbar's button.
    chromium.from_launcher(page, ".jp-LauncherCard[data-category=Notebook]")
    page.get_by_text("Python 3 (AI) | Idle").wait_for()
    opened.choose("petals.tsv", "Load in Notebook")
    notebook = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(notebook.locator(".jp-CodeCell").filter(has_text="petals = history[1].read()")).to_have_count(1)
    notebook.locator("[data-command='notebook:run-cell-and-select-next'], [data-jp-item-name=run] button").first.click()
    frame = notebook.locator(".jp-OutputArea-output table")
    expect(frame.locator("th", has_text="length")).to_be_visible()
    expect(frame.locator("tbody tr")).to_have_count(30)
    chromium.picture(page, "galaxy-loaded")


def test_what_galaxy_makes_appears_within_seconds(opened: Opened) -> None:
    made = opened.galaxy.upload(opened.history, "a,b\n1,2\n", "new.csv", "csv")
    expect(opened.item("new.csv")).to_have_attribute("data-state", "ok", timeout=10_000)
    opened.item("new.csv").dblclick()
    preview = opened.page.locator(".nebulab-preview:visible")
    expect(preview.get_by_role("columnheader")).to_have_text(["a", "b"])
    expect(preview.get_by_role("cell")).to_have_text(["1", "2"])
    chromium.picture(opened.page, "galaxy-preview-real")
    assert made["state"] == "ok"


def test_a_download_lies_in_the_folder_and_opens(opened: Opened) -> None:
    opened.choose("petals.tsv", "Download to")
    line = opened.page.get_by_role("listitem").filter(has_text="Download of petals.tsv")
    expect(line).to_have_attribute("data-state", "done")
    chromium.picture(opened.page, "galaxy-downloaded")
    with opened.session.owner() as client:
        got = client.get("/api/contents/petals.tsv").json()
    assert got["content"] == TABLE
    line.get_by_role("button", name="Open").click()
    expect(opened.page.get_by_role("tab", name="petals.tsv").last).to_be_visible()
    line.get_by_role("button", name="Forget").click()
    expect(line).to_have_count(0)


def test_files_from_the_desktop_and_from_the_file_browser_are_uploaded(opened: Opened, tmp_path: Path) -> None:
    page = opened.page
    content = os.urandom(2_000_000)
    (tmp_path / "desktop data.bin").write_bytes(content)
    page.locator(".nebulab-galaxy input[type=file]").set_input_files(tmp_path / "desktop data.bin")
    line = page.get_by_role("listitem").filter(has_text="Upload of desktop data.bin")
    expect(line).to_have_attribute("data-state", "done")
    expect(opened.item("desktop data.bin")).to_have_attribute("data-state", "ok")
    (dataset,) = opened.named("desktop data.bin")
    assert opened.galaxy.content(dataset["id"]) == content
    # As a drop from the desktop arrives.
    transfer = page.evaluate_handle(
        """text => { const data = new DataTransfer(); data.items.add(new File([text], 'dropped.csv')); return data }""",
        "a,b\n3,4\n",
    )
    for kind in ("dragover", "drop"):
        page.dispatch_event(".nebulab-galaxy", kind, {"dataTransfer": transfer})
    expect(opened.item("dropped.csv")).to_have_attribute("data-state", "ok")
    with opened.session.owner() as client:
        body = {"type": "file", "format": "text", "content": "c,d\n5,6\n"}
        client.put("/api/contents/from browser.csv", json=body).raise_for_status()
    page.locator(".jp-SideBar [data-id=filebrowser]").click()
    page.get_by_role("button", name="Refresh the file browser").first.click()
    page.locator(".jp-DirListing-item", has_text="from browser.csv").click(button="right")
    page.get_by_role("menuitem", name="Upload to Galaxy").click()
    expect(opened.item("from browser.csv")).to_have_attribute("data-state", "ok")
    (dataset,) = opened.named("from browser.csv")
    assert opened.galaxy.content(dataset["id"]) == b"c,d\n5,6\n"
    chromium.picture(page, "galaxy-uploaded")


def test_deleted_and_brought_back(opened: Opened) -> None:
    page = opened.page
    opened.galaxy.upload(opened.history, "x\n", "to delete.txt", "txt")
    opened.item("to delete.txt").click()
    page.keyboard.press("Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(opened.item("to delete.txt")).to_have_count(0)
    (dataset,) = opened.named("to delete.txt")
    assert dataset["deleted"]
    page.get_by_label("Deleted").check()
    opened.choose("to delete.txt", "Undelete")
    expect(opened.item("to delete.txt")).to_have_count(0)
    page.get_by_label("Deleted").uncheck()
    expect(opened.item("to delete.txt")).to_be_visible()


def test_a_collection_opens_and_its_elements_load(opened: Opened) -> None:
    dataset = opened.first
    described = {
        "collection_type": "list",
        "name": "flowers",
        "element_identifiers": [{"name": "first.tsv", "src": "hda", "id": dataset["id"]}],
    }
    opened.galaxy.gi.histories.create_dataset_collection(opened.history, described)
    row = opened.item("flowers")
    expect(row).to_have_attribute("aria-expanded", "false")
    row.click()
    opened.page.keyboard.press("ArrowRight")
    expect(row).to_have_attribute("aria-expanded", "true")
    expect(opened.item("first.tsv")).to_have_attribute("aria-level", "2")
    opened.choose("first.tsv", "Load in Notebook")
    expect(opened.page.locator(".jp-CodeCell").filter(has_text="['first.tsv'].read()")).to_have_count(1)
    chromium.picture(opened.page, "galaxy-collection")
    opened.choose("flowers", "Download to")
    line = opened.page.get_by_role("listitem").filter(has_text="Download of flowers")
    expect(line).to_have_attribute("data-state", "done")
    with opened.session.owner() as client:
        got = client.get("/api/contents/flowers/first.tsv").json()
    assert got["content"] == TABLE


def test_an_item_opens_in_galaxys_own_page(opened: Opened) -> None:
    stack, person = opened.session.stack, opened.person
    dataset = opened.first
    page = opened.page.context.new_page()
    page.goto(f"{stack.url}/login/start")
    page.fill("input[name=login]", person.email)
    page.fill("input[name=password]", person.password)
    page.click("button[name=login]")
    page.locator("#activity-upload").wait_for()
    page.close()
    with opened.page.context.expect_page() as shown:
        opened.choose("petals.tsv", "Open in Galaxy")
    expect(shown.value).to_have_url(re.compile(rf"/datasets/{dataset['id']}"))
    expect(shown.value.locator("#center, .center-panel").get_by_text("petals.tsv").first).to_be_visible()
    chromium.picture(shown.value, "galaxy-own-page")
    assert shown.value.evaluate("window.opener") is None
    shown.value.close()


def test_neither_key_nor_token_is_in_the_page(opened: Opened) -> None:
    page = opened.page
    # playwright's loop runs in this thread, and a kernel is asked in one of its own.
    with ThreadPoolExecutor() as pool:
        token = pool.submit(opened.session.run, "import os; print(os.environ['API_KEY'])").result().strip()
    assert token
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    for text in (stored, page.content()):
        assert opened.galaxy.key not in text
        assert token not in text
    with opened.session.owner() as client:
        for path in ("state", "histories", f"contents?history={opened.history}", "transfers"):
            answer = client.get(f"/nebulab/galaxy/{path}")
            assert opened.galaxy.key not in answer.text and token not in answer.text
    assert opened.errors == []


def test_a_galaxy_that_pushes_is_listened_to(opened: Opened) -> None:
    def live() -> bool:
        with opened.session.owner() as client:
            return bool(client.get("/nebulab/galaxy/state").json()["live"] == "events")

    wait_for("the stream of events", live)
