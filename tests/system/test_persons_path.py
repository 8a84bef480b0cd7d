"""A person's path in a real browser: log in, upload, open the Lab, run cells, put, stop, find everything back.

With NEBULAB_TEST_SCREENSHOTS=<folder> the pictures of the README are taken on the way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from nebulab.contract import JOB_TOOL
from support import chromium
from support.galaxy import TOOL, GalaxyUser, wait_for
from support.stack import Account, Stack

pytestmark = pytest.mark.system

TABLE = "length\twidth\tkind\n" + "".join(f"{n}\t{n % 7}\t{'long' if n > 15 else 'short'}\n" for n in range(30))
CELL = """\
from sklearn.tree import DecisionTreeClassifier
table = history["petals.tsv"].read()
tree = DecisionTreeClassifier(random_state=0).fit(table[["length", "width"]], table["kind"])
table["predicted"] = tree.predict(table[["length", "width"]])
history.put(table, name="predicted.tsv")
table.to_csv("outputs/my table.csv", index=False)
print("agree:", (table["predicted"] == table["kind"]).mean())
"""


@pytest.fixture
def page(stack: Stack) -> Iterator[Page]:
    """A headless Chromium that talks to this machine only."""
    with chromium.context(seconds=180) as context:
        yield context.new_page()
        for number, left in enumerate(context.pages):
            chromium.picture(left, f"last-{number}")


def log_in(page: Page, stack: Stack, person: Account) -> None:
    page.goto(f"{stack.url}/login/start")
    page.fill("input[name=login]", person.email)
    page.fill("input[name=password]", person.password)
    page.click("button[name=login]")
    page.locator("#activity-upload").wait_for()


def upload(page: Page, path: Path) -> None:
    page.locator("#activity-upload").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose local file").first.click()
    chooser.value.set_files(path)
    page.locator("#btn-start:visible").click()
    page.locator("#btn-close:visible").click()
    page.locator(".content-item[data-state=ok]", has_text=path.name).wait_for()


def start_session(page: Page, stack: Stack) -> Page:
    """Run the tool from its form, and open the Lab from the list of interactive tools."""
    page.goto(f"{stack.url}/?tool_id={TOOL}&version=latest")
    run = page.get_by_role("button", name="Run Tool").first
    expect(run).to_be_enabled()
    chromium.picture(page, "tool")
    run.click()
    page.get_by_text("Started tool").or_(page.locator(".content-item", has_text="notebook")).first.wait_for()
    page.goto(f"{stack.url}/interactivetool_entry_points/list")
    link = page.locator("a[id^=external-link]")
    link.wait_for()
    chromium.picture(page, "interactive-tools")
    open_by_name(page)
    page.goto(f"{stack.url}/interactivetool_entry_points/list")
    with page.context.expect_page() as opened:
        link.click()
    return opened.value


def open_by_name(page: Page) -> None:
    """Click the session's name as people do: Galaxy shows it in a frame, which can't keep the Lab's cookie."""
    page.locator("[id^=link-]").first.click()
    framed = page.frame_locator("#galaxy_interactive_tool").get_by_role("link", name="Open the Lab in a new tab")
    expect(framed).to_be_visible()
    chromium.picture(page, "interactive-tool-framed")
    with page.context.expect_page() as opened:
        framed.click()
    expect(opened.value.get_by_role("tab", name="Start here.ipynb")).to_be_visible(timeout=90_000)
    opened.value.close()


def run_cell(lab: Page, code: str) -> None:
    """Make a notebook, type the code into its first cell as a person pastes it, and run it."""
    chromium.from_launcher(lab, ".jp-LauncherCard[data-category=Notebook]")
    lab.get_by_text("Python 3 (AI) | Idle").wait_for()
    editor = lab.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell .cm-content").first
    editor.click()
    lab.keyboard.insert_text(code)
    lab.keyboard.press("Shift+Enter")


def save(lab: Page) -> None:
    """Save, accept the name, and wait until the page says that it is saved."""
    lab.keyboard.press("Control+s")
    lab.get_by_role("button", name="Rename and Save").click()
    lab.locator(".jp-Dialog").wait_for(state="detached")
    lab.locator(".lm-TabBar-tab.lm-mod-current.jp-mod-dirty").first.wait_for(state="detached")


def test_a_person_finds_everything_back_in_the_history(
    page: Page, stack: Stack, person: Account, tmp_path: Path
) -> None:
    galaxy = GalaxyUser(stack.url, person.key)
    table = tmp_path / "petals.tsv"
    table.write_text(TABLE)

    log_in(page, stack, person)
    upload(page, table)
    lab = start_session(page, stack)

    expect(lab.get_by_role("tab", name="Start here.ipynb")).to_be_visible(timeout=90_000)
    run_cell(lab, CELL)
    expect(lab.locator(".jp-OutputArea-output", has_text="agree: 1.0")).to_be_visible(timeout=120_000)
    chromium.picture(lab, "lab")
    save(lab)

    history = galaxy.gi.histories.get_most_recently_used_history()["id"]
    predicted = wait_for("predicted.tsv in the history", lambda: _named(galaxy, history, "predicted.tsv"))
    assert galaxy.wait_dataset(predicted["id"])["state"] == "ok"
    assert galaxy.content(predicted["id"]).decode().splitlines()[1].split("\t") == ["0", "0", "short", "short"]

    (point,) = [point for point in galaxy.get("entry_points", running=True) if point["active"]]
    page.goto(f"{stack.url}/interactivetool_entry_points/list")
    page.locator("[id^=stop], [data-title*=Stop], [title*=Stop]").first.click()
    job = galaxy.wait_job(point["job_id"])
    assert job["state"] == "ok"

    notebook = galaxy.wait_dataset(job["outputs"]["jupyter_notebook"]["id"])
    assert notebook["state"] == "ok"
    cells = galaxy.notebook(notebook["id"])["cells"]
    assert "".join(cells[0]["source"]).strip() == CELL.strip()
    assert any("agree: 1.0" in "".join(output.get("text", "")) for output in cells[0]["outputs"])

    collection = job["output_collections"]["output_collection"]["id"]
    shown = galaxy.get(f"dataset_collections/{collection}", instance_type="history")
    (element,) = [element for element in shown["elements"] if element["element_identifier"] == "my table"]
    assert element["object"]["state"] == "ok"
    assert galaxy.content(element["object"]["id"]).decode().splitlines()[0] == "length,width,kind,predicted"

    page.goto(stack.url)
    page.locator(".content-item[data-state=ok]", has_text="predicted.tsv").wait_for()
    chromium.picture(page, "history")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_page_leads_to_the_form_which_says_what_it_gives(
    page: Page, stack: Stack, person: Account, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    log_in(page, stack, person)
    welcome = page.frame_locator("iframe#frame")
    expect(welcome.get_by_role("heading", name="A JupyterLab beside your data")).to_be_visible()
    expect(welcome.get_by_role("listitem")).to_have_count(3)
    chromium.picture(page, f"welcome-{scheme}")
    welcome.get_by_role("link", name="Open the Lab").click()
    expect(page.get_by_role("button", name="Run Tool").first).to_be_enabled()
    expect(
        page.get_by_text(re.compile("Your session gets .* of memory and .*GPU.*It ends by itself")).first
    ).to_be_visible()
    expect(page.get_by_text("Not needed to read your history").first).to_be_visible()
    expect(page.get_by_role("button", name="Insert Dataset or value")).to_be_visible()
    chromium.picture(page, f"form-{scheme}")


@pytest.mark.parametrize("words", ["nebulab", "lab", "python", "deep learning", "jupyter"])
def test_galaxys_search_finds_both_tools(page: Page, stack: Stack, person: Account, words: str) -> None:
    log_in(page, stack, person)
    page.get_by_placeholder("search tools").fill(words)
    for tool in (TOOL, JOB_TOOL):
        expect(page.locator(f".tool-link[data-tool-id={tool}]")).to_be_visible()


def _named(galaxy: GalaxyUser, history: str, name: str) -> dict[str, Any] | None:
    found = galaxy.get(f"histories/{history}/contents", v="dev", view="summary")
    return next((dataset for dataset in found if dataset["name"] == name), None)


TRAIN = """\
from pathlib import Path
Path("train.py").write_text('''# %%
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
X, y = load_breast_cancer(return_X_y=True, as_frame=True)
# %%
forest = RandomForestClassifier(random_state=0).fit(X, y)
# %%
import time
for epoch in range(15):
    print("epoch", epoch)
    time.sleep(1)
''')
job = history.train("train.py", name="forest")
job
"""


def test_a_training_shows_itself_live(page: Page, stack: Stack, person: Account) -> None:
    log_in(page, stack, person)
    lab = start_session(page, stack)
    expect(lab.get_by_role("tab", name="Start here.ipynb")).to_be_visible(timeout=90_000)
    run_cell(lab, TRAIN)
    widget = lab.locator(".jp-OutputArea-output .jupyter-widgets").last
    expect(widget).to_contain_text("running, 2 of 3 cells", timeout=240_000)
    expect(widget).to_contain_text("memory")
    chromium.picture(lab, "training")
    expect(widget).to_contain_text("done, 3 of 3 cells", timeout=240_000)
    expect(widget).to_contain_text("1 model")
