"""The page Welcome at a session's first start, in a real session and a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from nebulab.files import write_private
from support import lab as stand_in
from support import portal, tickets
from support.by_hand import ByHand
from support.chromium import in_both_themes, listen, opened, pictures, violations
from support.fake_accounts import KEY, FakeAccounts
from support.galaxy import wait_for
from support.galaxy_database import GalaxyDatabase, figures
from support.stack import ENVIRONMENTS

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("installed")]
expect.set_options(timeout=60_000)

HOSTILE = '<img src=x onerror="window.hit=1">.tabular'
LIMITS = {"GALAXY_MEMORY_MB": "4096", "GALAXY_SLOTS": "2", "NEBULAB_DISK_MB": "1024"}


@pytest.fixture
def page() -> Iterator[Page]:
    with opened() as page:
        yield page


def dataset(path: Path, name: str) -> dict[str, Any]:
    return {"source_path": str(path), "staging_path": name, "metadata_files": []}


@pytest.fixture
def started(tmp_path: Path) -> Iterator[ByHand]:
    """A session with the inputs that Galaxy's form gives: a table, one with a hostile name, a number."""
    table = tmp_path / "dataset_1.dat"
    table.write_text("length\twidth\n5.1\t3.5\n")
    form = {
        "mode": {"mode_select": "scratch"},
        "user_inputs": [
            {
                "input_name": "flowers",
                "input_type": {
                    "input_type_selector": "dataset_multiple",
                    "input_value": [dataset(table, "my flowers.tabular"), dataset(table, HOSTILE)],
                },
            },
            {"input_name": "epochs", "input_type": {"input_type_selector": "integer", "input_value": 12}},
        ],
    }
    folder = tmp_path / "job" / "working"
    folder.mkdir(parents=True)
    (folder / "inputs.json").write_text(json.dumps(form))
    by_hand = ByHand(folder, "--inputs", "inputs.json", **LIMITS)
    yield by_hand
    by_hand.stop()


def test_the_first_start_shows_inputs_limits_and_examples(started: ByHand, page: Page) -> None:
    session = started.opened()
    said = listen(page)
    page.goto(session.target)
    welcome = page.locator(".nebulab-welcome")
    expect(welcome.get_by_role("heading", name="Welcome to your session")).to_be_visible()
    # It lies before the notebook that the session opens with, whose tab is beside it.
    expect(page.get_by_role("tab", name="Welcome", selected=True)).to_be_visible()
    expect(page.get_by_role("tab", name="Start here.ipynb")).to_be_visible()
    inputs = welcome.get_by_role("region", name="My inputs")
    expect(inputs).to_contain_text('GALAXY_INPUTS["flowers"]')
    expect(inputs).to_contain_text(HOSTILE)
    expect(inputs).to_contain_text("12")
    limits = welcome.get_by_role("region", name="My session")
    expect(limits).to_contain_text("No GPU here: computing on the CPU.")
    expect(limits).to_contain_text("4.0 GB")
    expect(limits).to_contain_text("ends 2 h after the last cell has run")
    expect(welcome.get_by_role("region", name="What is new").get_by_role("listitem").first).to_be_visible()
    pictures(page, "welcome")
    for _ in in_both_themes(page):
        assert violations(page, ".nebulab-welcome") == []
    # By keyboard: a dataset into a notebook, which is run.
    load = inputs.get_by_role("button", name="Load my flowers.tabular in a notebook")
    load.focus()
    page.keyboard.press("Enter")
    shown = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(shown.locator(".jp-CodeCell .cm-content").first).to_contain_text("pd.read_csv")
    expect(shown.locator(".jp-OutputArea-output").first).to_contain_text("length", timeout=120_000)
    # Examples open by a click.
    page.get_by_role("tab", name="Welcome").click()
    welcome.get_by_role("region", name="Examples").get_by_role("button").nth(1).click()
    expect(page.get_by_role("tab", name="Breast cancer.ipynb")).to_be_visible()
    assert page.evaluate("window.hit") is None
    assert [line for line in said if "nebulab" in line.lower()] == []


def test_it_shows_what_the_server_has_as_its_portal_tells_it(
    tmp_path: Path, page: Page, request: pytest.FixtureRequest
) -> None:
    machines = tmp_path / "machines.yml"
    machines.write_text(
        "nodes:\n  - {name: 'gpu[1-2]', gpus: [{model: <b>A100</b>, count: 2, memory: 40 GB}]}\n"
        "  - {name: old, down: fan is broken, gpus: [{model: T4, count: 1}]}\n"
    )
    galaxy = FakeAccounts()
    request.addfinalizer(galaxy.stop)
    used = GalaxyDatabase(f"sqlite:///{tmp_path}/galaxy.sqlite")
    request.addfinalizer(used.close)
    ada = used.user("ada@uni-freiburg.de")
    used.job(ada, begun=9, ended=1, figures=figures(8))
    write_private(tmp_path / "ticket-key", tickets.KEY)
    settings = {
        "NEBULAB_PORTAL_POOL": f"file:{machines}",
        "NEBULAB_PORTAL_GALAXY_DATABASE": used.url,
        "NEBULAB_PORTAL_TICKET_KEY_FILE": str(tmp_path / "ticket-key"),
    }
    with portal.running(tmp_path, galaxy.url, KEY, **settings) as running:
        wait_for("machines", lambda: httpx.get(f"{running.url}/api/resources").is_success, 20)
        ticket = tickets.ticket(ada, "idada")
        session = ByHand(tmp_path / "job", NEBULAB_PORTAL=running.url, NEBULAB_HOURS_TICKET=ticket)
        request.addfinalizer(session.stop)
        said = listen(page)
        page.goto(session.opened().target)
        shown = page.locator(".nebulab-welcome").get_by_role("region", name="GPUs of this server")
        expect(shown.get_by_role("definition").first).to_have_text("4 in all.")
        expect(shown.get_by_role("term").first).to_have_text("<b>A100</b> (40 GB)")
        expect(shown.get_by_role("definition").last).to_have_text("0 of 1 free. 1 down.")
        mine = page.locator(".nebulab-welcome").get_by_role("region", name="My session")
        expect(mine).to_contain_text("8.0 GPU hours in the last 7 days")
        expect(page.locator("[data-figure=gpu]")).to_have_attribute("title", re.compile("8.0 GPU hours in the last"))
        assert ticket not in session.said
        pictures(page, "welcome-portal")
        for _ in in_both_themes(page):
            assert violations(page, ".nebulab-welcome") == []
        with page.expect_popup() as opened_beside:
            shown.get_by_role("link", name="All resources and who waits").click()
        expect(opened_beside.value.get_by_text("<b>A100</b>").first).to_be_visible()
        assert said == []
    page.reload()
    expect(shown).to_contain_text("The portal doesn’t tell it now.")


def test_it_is_closed_for_good_and_comes_back_when_asked_for(started: ByHand, page: Page) -> None:
    session = started.opened()
    page.goto(session.target)
    welcome = page.locator(".nebulab-welcome")
    expect(welcome).to_be_visible()
    page.get_by_role("tab", name="Welcome").locator(".lm-TabBar-tabCloseIcon").click()
    expect(welcome).to_have_count(0)
    # JupyterLab keeps the layout a second after it has changed.
    page.wait_for_timeout(3000)
    page.goto(session.target)
    expect(page.get_by_role("tab", name="Start here.ipynb", selected=True)).to_be_visible()
    page.wait_for_timeout(3000)
    expect(welcome).to_have_count(0)
    page.get_by_role("menuitem", name="Help").click()
    page.get_by_role("menuitem", name="Welcome", exact=True).click()
    expect(welcome).to_be_visible()


def test_files_are_uploaded_and_a_terminal_opens(started: ByHand, page: Page, tmp_path: Path) -> None:
    session = started.opened()
    page.goto(session.target)
    welcome = page.locator(".nebulab-welcome")
    begin = welcome.get_by_role("group", name="Begin")
    sent = tmp_path / "notes of mine.txt"
    sent.write_text("some notes")
    with page.expect_file_chooser() as chooser:
        begin.get_by_role("button", name="Upload files").click()
    chooser.value.set_files(str(sent))
    expect(page.get_by_text("notes of mine.txt is in your folder.")).to_be_visible()
    assert (started.work / "notes of mine.txt").read_text() == "some notes"
    begin.get_by_role("button", name="Terminal").click()
    expect(page.locator(".jp-Terminal")).to_be_visible()
    page.get_by_role("tab", name="Welcome").click()
    begin.get_by_role("button", name="Clone a repository").click()
    expect(page.get_by_role("dialog")).to_contain_text(re.compile("clone", re.IGNORECASE))


def test_a_notebook_of_the_history_lies_in_front(request: pytest.FixtureRequest, tmp_path: Path, page: Page) -> None:
    """Who chose a notebook wants it, and not a page before it."""
    lab = stand_in.start(tmp_path / "lab", ENVIRONMENTS / "lab", ENVIRONMENTS / "kernels", start_page="mine.ipynb")
    request.addfinalizer(lab.stop)
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (lab.folder / "work" / "mine.ipynb").write_text(json.dumps(notebook))
    page.goto(f"{lab.url}/nebulab/start?token={stand_in.TOKEN}")
    expect(page.get_by_role("tab", name="mine.ipynb", selected=True)).to_be_visible()
    page.wait_for_timeout(3000)
    expect(page.locator(".nebulab-welcome")).to_have_count(0)
