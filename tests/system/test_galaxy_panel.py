"""The Galaxy panel in a real browser, with a stand-in for Galaxy: what it shows, how it scrolls, what it costs, and
that nothing hostile runs. `test_galaxy_panel_stack.py` has it with a real Galaxy."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

from nebulab import contract
from support import chromium
from support import lab as support
from support.galaxy import wait_for
from support.lab import BROKER_TOKEN, Lab
from support.panel import StandInGalaxy
from support.stack import ENVIRONMENTS

pytestmark = pytest.mark.system
expect.set_options(timeout=30_000)

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ALERT = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>'
HOSTILE_NAMES = [
    ALERT,
    '"><svg onload="window.ran=1">.svg',
    "a\nimport os; window.ran=1",
    "\u202egnp.exe",
    "javascript:window.ran=1",
    "[x](javascript:window.ran=1)",
    "../../etc/passwd",
]
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="top.ran=1">'
    "<script>top.ran=1; fetch('/nebulab/ran')</script><rect width='40' height='40' fill='teal'/></svg>"
)
NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": f"# A title\n{ALERT}"},
        {
            "cell_type": "code",
            "metadata": {},
            "execution_count": 1,
            "source": "show()",
            "outputs": [
                {"output_type": "display_data", "metadata": {}, "data": {"text/html": ALERT, "text/plain": "a figure"}},
                {"output_type": "display_data", "metadata": {}, "data": {"application/javascript": "window.ran=1"}},
                {"output_type": "stream", "name": "stdout", "text": f"printed {ALERT}"},
            ],
        },
    ],
}


@pytest.fixture
def galaxy() -> Iterator[StandInGalaxy]:
    made = StandInGalaxy(BROKER_TOKEN)
    yield made
    made.close()


@pytest.fixture
def lab(galaxy: StandInGalaxy, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    """JupyterLab whose broker, and Galaxy, is the stand-in; `@pytest.mark.parametrize` may take its Galaxy away."""
    request.getfixturevalue("installed")
    variables = {
        "GALAXY_URL": galaxy.url,
        "HISTORY_ID": galaxy.histories[0]["id"],
        contract.GALAXY_PAGE: "https://galaxy.example",
    }
    if getattr(request, "param", "") == "without Galaxy":
        variables = {}
    started = support.start(tmp_path / "lab", ENVIRONMENTS / "lab", ENVIRONMENTS / "kernels", variables=variables)
    yield started
    started.stop()


@pytest.fixture
def page(lab: Lab) -> Iterator[Page]:
    """A headless Chromium, which must end before the Lab, without an error of a script, nothing hostile run."""
    with chromium.opened() as page:
        page.set_default_timeout(30_000)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        ran = page.evaluate("[window.ran, top.ran]")
    assert ran == [None, None]
    assert errors == []


def open_panel(page: Page, lab: Lab) -> Locator:
    """Open the Lab and, by a click on its tab, the panel; return its list."""
    page.goto(f"{lab.url}/lab?token={support.TOKEN}")
    # JupyterLab's first page takes the focus once it is there.
    expect(page.locator("#jp-main-dock-panel .lm-TabBar-tab").first).to_be_visible()
    page.locator(".jp-SideBar [data-id=nebulab-galaxy]").click()
    return page.get_by_role("tree", name="Items of the history")


def item(page: Page, name: str) -> Locator:
    return page.get_by_role("treeitem").filter(has_text=name)


def test_the_list_shows_what_there_is_and_finds_it(page: Page, lab: Lab, galaxy: StandInGalaxy) -> None:
    galaxy.add("petals.tsv", b"a\tb\n1\t2\n", extension="tabular", tags=["name:iris"])
    galaxy.add("failed one", state="error", misc_info="The tool ended with 1.")
    galaxy.add("at work", state="running")
    galaxy.add("gone.csv", b"x", deleted=True)
    galaxy.add("behind.csv", b"x", visible=False)
    open_panel(page, lab)
    expect(page.get_by_role("treeitem")).to_have_count(3)
    expect(page.get_by_role("treeitem", name="1: petals.tsv, ready, tabular, 8 B, #iris")).to_be_visible()
    expect(item(page, "failed one")).to_have_attribute("data-state", "error")
    expect(page.get_by_role("status")).to_have_text("3 items")
    for scheme in ("light", "dark"):
        _theme(page, scheme)
        for width in (1280, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            chromium.picture(page, f"galaxy-panel-{scheme}-{width}")
    search = page.get_by_role("searchbox", name="Search this history")
    search.fill("PETALS")
    expect(page.get_by_role("treeitem")).to_have_count(1)
    search.fill("no such")
    expect(page.get_by_text("Nothing here has such a name, number or tag.")).to_be_visible()
    search.fill("")
    page.get_by_label("Deleted").check()
    expect(page.get_by_role("treeitem")).to_have_count(1)
    expect(item(page, "gone.csv")).to_be_visible()
    page.get_by_label("Hidden").check()
    expect(item(page, "behind.csv")).to_be_visible()
    assert galaxy.refused == []


def _theme(page: Page, scheme: str) -> None:
    name = "JupyterLab Dark" if scheme == "dark" else "JupyterLab Light"
    page.evaluate("name => jupyterapp.commands.execute('apputils:change-theme', { theme: name })", name)
    expect(page.locator(f"body[data-jp-theme-light={'false' if scheme == 'dark' else 'true'}]")).to_have_count(1)


def test_another_history_is_found_and_a_new_one_made(page: Page, lab: Lab, galaxy: StandInGalaxy) -> None:
    galaxy.histories.append({"id": "bb00000000000001", "name": f"Other {ALERT}", "update_time": "1"})
    open_panel(page, lab)
    page.get_by_role("button", name="My analysis").click()
    choice = page.get_by_role("dialog", name="Histories")
    expect(choice.get_by_role("option")).to_have_count(2)
    expect(choice.get_by_text("this session's")).to_be_visible()
    chromium.picture(page, "galaxy-histories")
    choice.get_by_role("combobox").fill("other")
    expect(choice.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Other")).to_be_visible()
    page.get_by_role("button", name="Other").click()
    page.get_by_role("button", name="New history…").click()
    page.get_by_role("textbox", name="Its name").fill("Fresh")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Fresh")).to_be_visible()
    assert galaxy.histories[-1]["name"] == "Fresh"


def test_what_changes_appears_by_itself_pushed_or_polled(page: Page, lab: Lab, galaxy: StandInGalaxy) -> None:
    galaxy.add("first.csv")
    open_panel(page, lab)
    expect(page.get_by_role("treeitem")).to_have_count(1)
    wait_for("the stream", lambda: "GET /api/events/stream" in galaxy.asked)
    galaxy.add("second.csv", state="running")
    galaxy.tell()
    expect(item(page, "second.csv")).to_have_attribute("data-state", "running", timeout=5000)
    galaxy.items[-1]["state"] = "ok"
    galaxy.tell()
    expect(item(page, "second.csv")).to_have_attribute("data-state", "ok", timeout=5000)


def test_galaxy_away_is_told_and_comes_back_by_itself(page: Page, lab: Lab, galaxy: StandInGalaxy) -> None:
    galaxy.add("first.csv")
    open_panel(page, lab)
    expect(page.get_by_role("treeitem")).to_have_count(1)
    wait_for("the stream", lambda: "GET /api/events/stream" in galaxy.asked)
    galaxy.away = True
    expect(page.get_by_text("Galaxy does not answer.")).to_be_visible()
    chromium.picture(page, "galaxy-away")
    # What was there stays to be seen.
    expect(page.get_by_role("treeitem")).to_have_count(1)
    galaxy.add("second.csv")
    galaxy.away = False
    expect(page.get_by_role("treeitem")).to_have_count(2)
    expect(page.get_by_text("Galaxy does not answer.")).to_be_hidden()


@pytest.mark.parametrize("lab", ["without Galaxy"], indirect=True)
def test_a_lab_without_galaxy_says_how_to_connect(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/lab?token={support.TOKEN}")
    page.locator(".jp-SideBar [data-id=nebulab-galaxy]").click()
    expect(page.get_by_text("nebulab lab --galaxy")).to_be_visible()
    chromium.picture(page, "galaxy-unconnected")


def test_ten_thousand_items_scroll_smoothly(page: Page, lab: Lab, galaxy: StandInGalaxy) -> None:
    for number in range(10_000):
        galaxy.add(f"sample {number}.csv", extension="csv")
    tree = open_panel(page, lab)
    expect(page.get_by_role("status")).to_have_text(re.compile("10.?000 items"))
    expect(item(page, "sample 9999.csv")).to_be_visible()
    frames: list[float] = page.evaluate(SCROLL)
    frames.sort()
    rows = page.get_by_role("treeitem").count()
    assert rows < 60
    # 60 a second on a quiet machine. Not a measurement: a list with all rows in the page takes seconds a frame.
    assert frames[len(frames) // 2] < 400, frames
    tree.focus()
    page.keyboard.press("End")
    expect(item(page, "sample 0.csv")).to_be_visible()
    expect(page.locator(".nebulab-mod-active")).to_contain_text("sample 0.csv")
    assert page.get_by_role("treeitem").count() < 60
    # A page of a hundred at a time, and not all of them.
    assert galaxy.asked.count(f"GET /api/histories/{galaxy.histories[0]['id']}/contents") <= 101


SCROLL = """async () => {
  const list = document.querySelector('.nebulab-galaxy-list');
  const frames = [];
  let last = performance.now();
  for (let step = 0; step < 120; step++) {
    list.scrollTop += 1500;
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    last = now;
  }
  return frames;
}"""


def test_by_keyboard_alone(page: Page, lab: Lab, galaxy: StandInGalaxy) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        galaxy.add(name, b"x,y\n1,2\n", extension="csv")
    tree = open_panel(page, lab)
    expect(page.get_by_role("treeitem")).to_have_count(3)
    tree.focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    described = tree.get_attribute("aria-activedescendant")
    assert described
    expect(page.locator(f"#{described}")).to_contain_text("a.csv")
    expect(page.locator(f"#{described}")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Shift+F10")
    menu = page.get_by_role("menu")
    expect(menu.get_by_role("menuitem", name="Load in Notebook")).to_be_visible()
    chromium.picture(page, "galaxy-menu")
    page.keyboard.press("Escape")
    tree.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="x")).to_be_visible()
    tree.focus()
    page.keyboard.press("Delete")
    expect(page.get_by_role("dialog", name="Delete “a.csv”?")).to_be_visible()
    chromium.picture(page, "galaxy-delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").press("Enter")
    expect(page.get_by_role("treeitem")).to_have_count(2)
    assert [each["deleted"] for each in galaxy.items] == [True, False, False]
    page.get_by_label("Deleted").check()
    item(page, "a.csv").click(button="right")
    page.get_by_role("menuitem", name="Undelete").click()
    expect(page.get_by_role("treeitem")).to_have_count(0)
    assert not galaxy.items[0]["deleted"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_previews_show_each_kind(page: Page, lab: Lab, galaxy: StandInGalaxy, scheme: Literal["light", "dark"]) -> None:
    galaxy.add("table.csv", b"length,width\n" + b"1.5,2\n" * 30, extension="csv")
    galaxy.add("notes.txt", b"line\n" * 30)
    galaxy.add("pixel.png", PIXEL, extension="png")
    galaxy.add("images.h5", _hdf5(), extension="h5")
    galaxy.add("forest.onnx", _model(), extension="onnx")
    galaxy.add("thing.bam", b"BAM\1\0\0", extension="bam")
    open_panel(page, lab)
    expect(page.get_by_role("treeitem")).to_have_count(6)
    _theme(page, scheme)
    for name, shown in {
        "table.csv": page.get_by_role("columnheader", name="length"),
        "notes.txt": page.locator(".nebulab-preview-text"),
        "pixel.png": page.get_by_role("img", name="pixel.png"),
        "images.h5": page.get_by_text("10 × 8 × 8, float32"),
        "forest.onnx": page.get_by_text("the same predictions as the original"),
        "thing.bam": page.get_by_text("no preview of the datatype bam"),
    }.items():
        item(page, name).dblclick()
        expect(shown).to_be_visible()
        chromium.picture(page, f"galaxy-preview-{name.rpartition('.')[2]}-{scheme}")
    assert galaxy.refused == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    page: Page, lab: Lab, galaxy: StandInGalaxy, scheme: Literal["light", "dark"]
) -> None:
    galaxy.add("table.csv", b"a,b\n1,2\n", extension="csv", tags=["name:iris"])
    galaxy.add("forest.onnx", _model(), extension="onnx")
    galaxy.add("images.h5", _hdf5(), extension="h5")
    galaxy.add("at work", state="running")
    galaxy.add("gone.csv", b"x", deleted=True)
    open_panel(page, lab)
    expect(page.get_by_role("treeitem")).to_have_count(4)
    _theme(page, scheme)
    item(page, "table.csv").click()
    assert chromium.violations(page, ".nebulab-galaxy") == []
    item(page, "table.csv").click(button="right")
    page.get_by_role("menuitem", name="Download to").click()
    expect(page.get_by_role("listitem").filter(has_text="Download of table.csv")).to_have_attribute(
        "data-state", "done"
    )
    assert chromium.violations(page, ".nebulab-galaxy") == []
    for name, shown in {"table.csv": "columnheader", "forest.onnx": "article", "images.h5": "list"}.items():
        item(page, name).dblclick()
        expect(page.locator(".nebulab-preview:visible").get_by_role(shown).first).to_be_visible()  # type: ignore[arg-type]
        assert chromium.violations(page, ".nebulab-preview") == []
    page.get_by_role("button", name="My analysis").click()
    expect(page.get_by_role("dialog", name="Histories").get_by_role("option")).to_have_count(1)
    assert chromium.violations(page, ".nebulab-galaxy") == []
    page.keyboard.press("Escape")
    page.get_by_label("Deleted").check()
    expect(item(page, "gone.csv")).to_be_visible()
    assert chromium.violations(page, ".nebulab-galaxy") == []


def _hdf5() -> bytes:
    import io

    import h5py
    import numpy as np

    file = io.BytesIO()
    with h5py.File(file, "w") as opened:
        opened.create_dataset("images/train", data=np.zeros((10, 8, 8), np.float32))
        opened.create_dataset("labels", data=np.arange(10))
    return file.getvalue()


def _model() -> bytes:
    card: dict[str, Any] = {
        "name": "forest",
        "class": "sklearn.ensemble.RandomForestClassifier",
        "verified": True,
        "proof": None,
        "reason": "",
        "inputs": [{"name": "X", "type": "float", "shape": ["any", 30]}],
        "outputs": [],
        "metrics": {"accuracy": 0.97},
        "versions": {},
        "hardware": {},
        "code_sha256": "",
        "date": "2026-11-29",
    }
    entry = _field(1, b"nebulab.card") + _field(2, json.dumps(card).encode())
    return _field(2, b"skl2onnx") + _field(7, bytes(1000)) + _field(14, entry)


def _field(number: int, content: bytes) -> bytes:
    length, left = bytearray(), len(content)
    while left > 127:
        length.append(left & 127 | 128)
        left >>= 7
    return bytes([number << 3 | 2, *length, left]) + content


def test_hostile_names_and_contents_run_nothing(page: Page, lab: Lab, galaxy: StandInGalaxy) -> None:
    for name in HOSTILE_NAMES:
        galaxy.add(name, ALERT.encode(), tags=[ALERT], misc_info=ALERT)
    galaxy.add("drawing.svg", SVG.encode(), extension="svg")
    galaxy.add("evil.ipynb", json.dumps(NOTEBOOK).encode(), extension="ipynb")
    galaxy.add("page.html", f"<h1>Hi</h1>{ALERT}".encode(), extension="html")
    galaxy.add("table.csv", f"{ALERT},b\n{ALERT},2\n".encode(), extension="csv")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_panel(page, lab)
    rows = page.get_by_role("treeitem")
    expect(rows).to_have_count(len(galaxy.items))
    # The text is there as it is, and no element came of it.
    expect(item(page, ALERT).first).to_be_visible()
    # A sign that turns what follows is marked: "exe.png" would be another file's name.
    expect(item(page, "\ufffdgnp.exe")).to_be_visible()
    for number in range(len(galaxy.items)):
        rows.nth(number).dblclick()
        shown = page.locator(".nebulab-preview:visible")
        expect(shown.get_by_text("Loading…")).to_have_count(0)
        expect(shown.locator("script, iframe, object, embed, svg, [onload], [onerror]")).to_have_count(0)
    expect(page.locator(".nebulab-galaxy, .nebulab-preview").locator("script, [onload], [onerror]")).to_have_count(0)
    chromium.picture(page, "galaxy-hostile")
    item(page, "drawing.svg").dblclick()
    drawn = page.get_by_role("img", name="drawing.svg")
    expect(drawn).to_be_visible()
    # It is drawn, as an image in which browsers run no script.
    assert drawn.evaluate("image => image.naturalWidth") == 40
    time.sleep(0.5)
    assert page.evaluate("[window.ran, top.ran]") == [None, None]
    assert not [url for url in asked if url.endswith(("/nebulab/ran", "/x"))]


def test_the_key_is_nowhere_and_the_page_has_no_token_of_the_broker(
    page: Page, lab: Lab, galaxy: StandInGalaxy
) -> None:
    galaxy.add("table.csv", b"a,b\n1,2\n", extension="csv")
    answers: list[str] = []
    page.on("response", lambda response: _keep(response, answers))
    open_panel(page, lab)
    item(page, "table.csv").dblclick()
    expect(page.get_by_role("columnheader", name="a")).to_be_visible()
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    for text in [*answers, stored, page.content(), lab.log]:
        assert BROKER_TOKEN not in text
    assert any("table.csv" in answer for answer in answers)


def _keep(response: Any, answers: list[str]) -> None:
    if "/nebulab/galaxy/" in response.url:
        answers.append(response.text() + json.dumps(response.headers))


@pytest.mark.parametrize("pushes", [True, False])
def test_an_idle_panel_costs_little(page: Page, lab: Lab, galaxy: StandInGalaxy, pushes: bool) -> None:
    galaxy.pushes = pushes
    galaxy.add("table.csv", b"a,b\n1,2\n", extension="csv")
    open_panel(page, lab)
    expect(page.get_by_role("treeitem")).to_have_count(1)
    time.sleep(10)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "galaxy" in request.url else None)
    process, seconds = psutil.Process(lab.process.pid), 30
    before, began = len(galaxy.asked), sum(process.cpu_times()[:2])
    page.wait_for_timeout(seconds * 1000)
    with_panel = sum(process.cpu_times()[:2]) - began
    assert len(galaxy.asked) - before <= seconds / 10
    assert len(asked) <= seconds / 10
    # Hidden it costs nothing at all; what the Lab itself costs is taken off.
    page.locator(".jp-SideBar [data-id=filebrowser]").click()
    page.wait_for_timeout(15_000)
    before, began = len(galaxy.asked), sum(process.cpu_times()[:2])
    page.wait_for_timeout(seconds * 1000)
    without = sum(process.cpu_times()[:2]) - began
    assert len(galaxy.asked) == before
    print(f"CPU of the idle panel, pushes={pushes}: {(with_panel - without) / seconds:.2%}")
    assert with_panel - without < 0.01 * seconds


def test_a_download_is_cancelled_and_tried_again(page: Page, lab: Lab, galaxy: StandInGalaxy) -> None:
    galaxy.add("slow.csv", b"a,b\n1,2\n", extension="csv")
    galaxy.may_send.clear()
    open_panel(page, lab)
    item(page, "slow.csv").click(button="right")
    page.get_by_role("menuitem", name="Download to").click()
    line = page.get_by_role("listitem").filter(has_text="Download of slow.csv")
    expect(line).to_have_attribute("data-state", "running")
    wait_for("the request", lambda: f"GET /api/datasets/{galaxy.items[0]['id']}/display" in galaxy.asked)
    chromium.picture(page, "galaxy-transfer")
    line.get_by_role("button", name="Cancel").click()
    expect(line).to_have_attribute("data-state", "cancelled")
    assert [path.name for path in (lab.folder / "work").iterdir() if "slow" in path.name] == []
    galaxy.may_send.set()
    line.get_by_role("button", name="Try slow.csv again").click()
    expect(line).to_have_attribute("data-state", "done")
    assert (lab.folder / "work" / "slow.csv").read_bytes() == b"a,b\n1,2\n"
    line.get_by_role("button", name="Open").click()
    expect(page.get_by_role("tab", name="slow.csv")).to_be_visible()


def test_a_dataset_is_dragged_into_a_notebook_and_by_the_menu(page: Page, lab: Lab, galaxy: StandInGalaxy) -> None:
    galaxy.add("petals.tsv", b"a\tb\n1\t2\n", extension="tabular")
    above: dict[str, Any] = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": "1",
    }
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [above]}
    (lab.folder / "work" / "mine.ipynb").write_text(json.dumps(notebook))
    page.goto(f"{lab.url}/lab/tree/mine.ipynb?token={support.TOKEN}")
    cells = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell")
    expect(page.get_by_role("tab", name="mine.ipynb")).to_be_visible()
    page.locator(".jp-SideBar [data-id=nebulab-galaxy]").click()
    expect(item(page, "petals.tsv")).to_be_visible()
    code = "petals = history[1].read()  # petals.tsv"
    item(page, "petals.tsv").click(button="right")
    page.get_by_role("menuitem", name="Load in Notebook").click()
    expect(cells.filter(has_text=code)).to_have_count(1)
    place = cells.filter(has_text=code).bounding_box()
    row = item(page, "petals.tsv").bounding_box()
    assert place and row
    page.mouse.move(row["x"] + 60, row["y"] + 20)
    page.mouse.down()
    page.mouse.move(row["x"] + 90, row["y"] + 30, steps=4)
    page.mouse.move(place["x"] + 200, place["y"] + 20, steps=8)
    chromium.picture(page, "galaxy-drag")
    page.mouse.up()
    expect(cells.filter(has_text=code)).to_have_count(2)
    # Shift+Enter runs what was dropped, and nothing else.
    chosen = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell.jp-mod-selected")
    expect(chosen).to_have_count(1)
    expect(chosen).to_contain_text(code)
