"""A person who writes no code sends trainings from the Lab's page and finds what they made, with mouse and keyboard
alone, in a real browser on a real stack."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from nebulab.contract import JOB_TOOL
from support import chromium
from support.galaxy import GalaxyUser, wait_for
from support.session import Session
from support.stack import Stack

pytestmark = pytest.mark.system
expect.set_options(timeout=60_000)

PARAMETERS = "trees = 5  # how many trees the forest has\nrate: float = 0.5\nverbose = True\n"
FIT = """\
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
table = pd.read_csv("data/petals.csv")
X, y = table[["length", "width"]], table["kind"]
forest = RandomForestClassifier(n_estimators=trees, random_state=0).fit(X, y)
accuracy = float(forest.score(X, y))
"""
SHOW = """\
import time
import matplotlib.pyplot as plt
for epoch in range(8):
    print("epoch", epoch)
    time.sleep(1)
scatter = plt.figure()
plt.scatter(X["length"], X["width"])
"""
PETALS = "length,width,kind\n" + "".join(f"{n},{n % 7},{'long' if n > 15 else 'short'}\n" for n in range(60))
READING = """\
open("none.csv")
open("../Start here.ipynb")
GALAXY_INPUTS["absent"]
history["planets.tsv"]
"""
LONG = "# %%\nprint('it began')\n# %%\nimport time\ntime.sleep(900)\n"


def notebook(*cells: str, parameters: str = "") -> str:
    made = [nbformat.v4.new_code_cell(cell) for cell in cells]
    if parameters:
        made.insert(0, nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3 (AI)"}}
    return str(nbformat.writes(nbformat.v4.new_notebook(cells=made, metadata=kernel)))


@pytest.fixture(scope="module")
def user(stack: Stack) -> GalaxyUser:
    return GalaxyUser(stack.url, stack.user.key)


@pytest.fixture(scope="module")
def history_id(user: GalaxyUser) -> str:
    return user.new_history("trainings by the mouse")


@pytest.fixture(scope="module")
def session(stack: Stack, user: GalaxyUser, history_id: str) -> Iterator[Session]:
    _, point = user.start_session(history_id)
    started = Session(stack, point["target"])
    with started.owner() as client:

        def put(path: str, content: str, kind: str = "file") -> None:
            body: dict[str, Any] = {"type": kind, "format": "text", "content": content}
            if kind == "directory":
                body = {"type": "directory"}
            client.put(f"/api/contents/{path}", json=body).raise_for_status()

        put("work", "", "directory")
        put("work/data", "", "directory")
        put("work/data/petals.csv", PETALS)
        put("work/forest.ipynb", notebook(FIT, SHOW, parameters=PARAMETERS))
        put("work/failing.ipynb", notebook("x = {'there': 1}", "x['missing_column']"))
        put("work/long.py", LONG)
        put("work/reading.ipynb", notebook(READING))
    yield started
    user.stop_session(point["id"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.opened() as page:
        assert page.context.browser is not None
        yield page.context.browser


Open = Callable[..., Page]


@pytest.fixture
def lab(browser: Browser, session: Session) -> Iterator[Open]:
    """Open the Lab as its entry point does; what the page's console calls an error fails the test."""
    errors: list[str] = []
    contexts = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "net::ERR" not in message.text:
            errors.append(message.text)

    def opened(width: int = 1280, height: int = 800, theme: str = "JupyterLab Light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(session.target)
        page.locator("#jp-main-dock-panel").wait_for(timeout=120_000)
        page.locator(".jp-DirListing-item").first.wait_for(timeout=120_000)
        set_theme(page, theme)
        return page

    yield opened
    for number, context in enumerate(contexts):
        for left in context.pages:
            chromium.picture(left, f"trainings-last-{number}")
        context.close()
    assert errors == []


def set_theme(page: Page, theme: str) -> None:
    if page.locator("body").get_attribute("data-jp-theme-name") == theme:
        return
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.locator(".lm-Menu-item", has_text="Theme").first.hover()
    page.locator(".lm-Menu-item", has_text=theme).first.click()
    expect(page.locator("body")).to_have_attribute("data-jp-theme-name", theme)


def go_to_folder(page: Page, folder: str) -> None:
    page.locator(".jp-BreadCrumbs-home").first.click()
    item(page, folder).dblclick()
    page.locator(".jp-BreadCrumbs-item", has_text=folder).wait_for()


def item(page: Page, name: str) -> Locator:
    return page.locator(".jp-DirListing-item", has=page.get_by_text(name, exact=True)).first


def form_of(page: Page, name: str) -> Locator:
    return page.get_by_role("form", name=f"Run {name} on the cluster")


def row_of(page: Page, name: str) -> Locator:
    return page.locator(
        ".nebulab-Training", has=page.get_by_role("button", name=re.compile(f"^{re.escape(name)}"))
    ).first


def by_the_menu(page: Page, name: str) -> Locator:
    """Open the form from the file browser's menu."""
    item(page, name).click(button="right")
    page.locator(".lm-Menu-item", has_text="Run on the Cluster").click()
    form = form_of(page, name)
    form.wait_for()
    return form


def axe(page: Page, where: str) -> list[str]:
    """What axe calls serious or critical within our part."""
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    found = Axe().run(page, context=where).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found if each["impact"] in {"serious", "critical"}]


def test_a_form_sends_a_training_and_the_panel_has_what_it_made(lab: Open, user: GalaxyUser, history_id: str) -> None:
    page = lab()
    go_to_folder(page, "work")
    item(page, "forest.ipynb").dblclick()
    page.get_by_role("button", name="Run on the cluster").click()

    form = form_of(page, "forest.ipynb")
    expect(form.get_by_label("trees")).to_have_value("5")
    expect(form.get_by_text("whole number: how many trees the forest has")).to_be_visible()
    expect(form.get_by_label("verbose")).to_be_checked()
    expect(form.get_by_label("data/petals.csv")).to_be_checked()
    expect(form.get_by_text('table = pd.read_csv("data/petals.csv")')).to_be_visible()
    assert axe(page, ".nebulab-RunForm") == []
    chromium.picture(page, "trainings-form")
    form.get_by_label("trees").fill("ten")
    form.get_by_label("Time limit in minutes").fill("soon")
    form.get_by_role("button", name="Run on the cluster").click()
    expect(form.get_by_role("alert")).to_contain_text("Look at the fields that are marked.")
    expect(form.get_by_text("Give a whole number, such as 10.")).to_be_visible()
    expect(form.get_by_label("trees")).to_be_focused()
    chromium.picture(page, "trainings-form-faults")
    page.keyboard.press("Control+a")
    page.keyboard.type("7")
    form.get_by_label("Time limit in minutes").fill("30")
    expect(form.get_by_text("Give a whole number, such as 10.")).not_to_be_attached()
    form.get_by_label("Without a GPU (CPU)").check()
    form.get_by_label("trees").focus()
    page.keyboard.press("Enter")

    expect(form).not_to_be_attached()
    row = row_of(page, "forest.ipynb")
    expect(row).to_contain_text("running", timeout=240_000)
    expect(row).to_contain_text("cell 4 of 4 runs", timeout=240_000)
    expect(row.get_by_role("progressbar")).to_be_visible()
    expect(row).to_contain_text("CPU")
    log = row.get_by_role("log")
    expect(row).to_contain_text("Memory")
    expect(row.locator(".nebulab-Pairs").first).to_contain_text("none; computing on the CPU")
    chromium.picture(page, "trainings-running")
    expect(log).to_contain_text("epoch 7", timeout=240_000)

    expect(row).to_contain_text("done", timeout=240_000)
    toast = page.locator(".Toastify__toast", has_text="forest.ipynb is done on the cluster.")
    expect(toast).to_be_visible()
    chromium.picture(page, "trainings-done")
    toast.get_by_role("button", name="Show its results").click()
    expect(row.get_by_text("scatter.png")).to_be_visible()
    assert axe(page, ".nebulab-Trainings") == []

    models = row.get_by_role("region", name="Models")
    models.get_by_role("button", name="Card").click()
    card = page.get_by_role("article", name="Card of the model forest")
    expect(card).to_contain_text("Proven: the ONNX file and the original give the same predictions.")
    expect(card).to_contain_text("accuracy")
    assert axe(page, ".nebulab-Card") == []
    chromium.picture(page, "trainings-card")
    models.get_by_role("button", name="Insert code").click()
    cell = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-mod-active")
    expect(cell).to_contain_text('training.models["forest"]')
    page.keyboard.press("Shift+Enter")
    expect(
        page.locator(".jp-OutputArea-output", has_text=re.compile("model|predictor|forest", re.IGNORECASE)).last
    ).to_be_visible(timeout=120_000)

    (job,) = user.get("jobs", history_id=history_id, tool_id=JOB_TOOL)
    run = json.loads(user.job(job["id"])["params"]["run"])
    assert json.loads(run["parameters"]) == {"trees": 7, "rate": 0.5, "verbose": True}
    assert (float(run["time_limit"]), int(run["gpus"])) == (30, 0)
    figures = user.job(job["id"])["output_collections"]["figures"]["id"]
    shown = user.get(f"histories/{history_id}/contents/dataset_collections/{figures}")
    png = next(each for each in shown["elements"] if each["object"]["file_ext"] == "png")
    assert user.content(png["object"]["id"]).startswith(b"\x89PNG")


def test_a_form_says_what_a_job_would_not_find_and_takes_another_file(lab: Open) -> None:
    page = lab(1920, 1080, "JupyterLab Dark")
    go_to_folder(page, "work")
    form = by_the_menu(page, "reading.ipynb")
    expect(form.locator(".nebulab-Warning", has_text="are not in its folder")).to_contain_text("none.csv")
    expect(form.locator(".nebulab-Warning", has_text="outside of its folder")).to_contain_text("../Start here.ipynb")
    expect(form.locator(".nebulab-Warning", has_text="GALAXY_INPUTS")).to_contain_text("absent")
    form.get_by_role("button", name="Add a file…").click()
    dialog = page.get_by_role("dialog")
    dialog.locator(".jp-DirListing-item", has_text="long.py").click()
    dialog.get_by_role("button", name="Select").click()
    added = form.get_by_label("long.py")
    expect(added).to_be_checked()
    added.press("Space")
    expect(added).not_to_be_checked()
    assert axe(page, ".nebulab-RunForm") == []
    chromium.picture(page, "trainings-form-dark")
    form.get_by_role("button", name="Close").click()
    expect(form).not_to_be_attached()


def test_a_failing_notebook_shows_its_cell_and_is_told_after_the_page_was_closed(
    lab: Open, user: GalaxyUser, history_id: str
) -> None:
    page = lab()
    go_to_folder(page, "work")
    form = by_the_menu(page, "failing.ipynb")
    expect(form).to_contain_text("It has no cell with the tag “parameters”")
    form.get_by_role("button", name="Run on the cluster").click()
    expect(row_of(page, "failing.ipynb")).to_have_attribute("data-training", re.compile(".+"), timeout=120_000)
    job = row_of(page, "failing.ipynb").get_attribute("data-training")
    page.close()
    assert job is not None
    assert user.wait_job(job)["state"] == "error"

    page = lab(1920, 1080, "JupyterLab Dark")
    toast = page.locator(".Toastify__toast", has_text="failing.ipynb failed on the cluster.")
    expect(toast).to_be_visible(timeout=90_000)
    toast.get_by_role("button", name="Show why").click()
    failure = row_of(page, "failing.ipynb").get_by_role("region", name="Why it failed")
    expect(failure).to_contain_text("Cell 2 of 2 failed: KeyError: 'missing_column'")
    expect(failure).to_contain_text("x['missing_column']")
    expect(row_of(page, "failing.ipynb").get_by_role("region", name="Results")).to_contain_text("Arrays and numbers")
    assert axe(page, ".nebulab-Trainings") == []
    chromium.picture(page, "trainings-failed-dark")


def test_a_script_is_cancelled_with_the_keyboard(lab: Open, user: GalaxyUser) -> None:
    page = lab()
    go_to_folder(page, "work")
    form = by_the_menu(page, "long.py")
    form.get_by_role("button", name="Run on the cluster").focus()
    page.keyboard.press("Enter")
    row = row_of(page, "long.py")
    expect(row.get_by_role("log")).to_contain_text("| it began", timeout=240_000)
    job = row.get_attribute("data-training")
    row.get_by_role("checkbox", name="follow").uncheck()
    row.get_by_role("button", name="Cancel this training").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("long.py ends now")
    chromium.picture(page, "trainings-cancel")
    expect(dialog.get_by_role("button", name="Let it run")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(row).to_contain_text("cancelled", timeout=120_000)
    assert job is not None
    assert wait_for("the end", lambda: user.job(job)["state"] in {"deleted", "deleting"})


def test_two_trainings_are_compared(lab: Open) -> None:
    page = lab(1920, 1080)
    go_to_folder(page, "work")
    form = by_the_menu(page, "forest.ipynb")
    form.get_by_label("trees").fill("2")
    form.get_by_label("Name in the history").fill("small forest")
    form.get_by_role("button", name="Run on the cluster").click()
    row = row_of(page, "small forest")
    expect(row).to_have_attribute("data-state", "done", timeout=300_000)
    for name in ("small forest", "forest.ipynb"):
        page.get_by_role("checkbox", name=f"Choose {name} for a comparison").check()
    page.get_by_role("button", name="Compare 2").click()
    table = page.get_by_role("table", name="Comparison of trainings")
    expect(table.get_by_role("row", name=re.compile("^trees"))).to_have_class("nebulab-mod-differs")
    expect(table.get_by_role("row", name=re.compile("^trees"))).to_contain_text("27")
    expect(table.get_by_role("row", name=re.compile("^accuracy"))).to_be_visible()
    figures = table.get_by_role("img", name=re.compile("scatter"))
    expect(figures).to_have_count(2)
    assert figures.first.evaluate("image => image.complete && image.naturalWidth > 100")
    chromium.picture(page, "trainings-compared")
    widths = table.get_by_role("rowheader").evaluate_all("heads => heads.map(head => head.clientWidth)")
    assert min(widths) > 100
    assert axe(page, ".nebulab-Comparison") == []


def test_a_result_is_opened_and_downloaded(lab: Open, session: Session) -> None:
    page = lab()
    page.get_by_role("tab", name=re.compile("Trainings")).click()
    row = row_of(page, "forest.ipynb")
    row.get_by_role("button", name=re.compile("^forest.ipynb")).click()
    row.get_by_role("button", name=re.compile("^Download scatter.png")).click()
    expect(page.locator(".Toastify__toast", has_text="Downloaded to trainings/forest.ipynb/scatter.png")).to_be_visible(
        timeout=120_000
    )
    with session.owner() as client:
        kept = client.get("/api/contents/trainings/forest.ipynb/scatter.png?content=1").raise_for_status().json()
    assert kept["content"].startswith("iVBORw0KGgo")


def test_a_person_who_writes_no_code(lab: Open, user: GalaxyUser, history_id: str) -> None:
    """From a dataset to a data frame, a proven model and its figure, with the mouse and the keys that press buttons."""
    user.upload(history_id, PETALS, "petals.csv", "csv")
    page = lab(1400, 900)
    chromium.from_launcher(page, ".jp-LauncherCard[data-category=Notebook]")
    page.get_by_text("Python 3 (AI) | Idle").wait_for()
    from_galaxy(page, "petals.csv").click(button="right")
    page.get_by_role("menuitem", name="Load in Notebook").click()
    notebook = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    notebook.locator(".jp-CodeCell", has_text="petals.csv").locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    expect(notebook.locator(".jp-OutputArea-output table")).to_contain_text("short")
    chromium.picture(page, "no-code-data-frame")

    page.locator(".jp-SideBar [data-id=filebrowser]").click()
    go_to_folder(page, "work")
    form = by_the_menu(page, "forest.ipynb")
    form.get_by_role("button", name="Run on the cluster").click()
    row = row_of(page, "forest.ipynb")
    expect(row).to_contain_text("done", timeout=240_000)
    row.get_by_role("region", name="Models").get_by_role("button", name="Card").click()
    card = page.get_by_role("article", name="Card of the model forest")
    expect(card).to_contain_text("Proven: the ONNX file and the original give the same predictions.")
    chromium.picture(page, "no-code-card")

    figures = from_galaxy(page, "Figures of forest.ipynb")
    figures.click()
    page.keyboard.press("ArrowRight")
    from_galaxy(page, "scatter.png").dblclick()
    expect(page.get_by_role("img", name="scatter.png")).to_be_visible()
    chromium.picture(page, "no-code-figure")


def from_galaxy(page: Page, name: str) -> Locator:
    """Return the newest item of a name in the Galaxy panel, which is opened if it is not."""
    tab = page.locator(".jp-SideBar [data-id=nebulab-galaxy]")
    if tab.get_attribute("aria-selected") != "true":
        tab.click()
    found = page.get_by_role("treeitem").filter(has_text=name).first
    found.wait_for()
    return found
