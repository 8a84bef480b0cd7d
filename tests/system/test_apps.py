"""Notebooks as apps and as pages: Voila in JupyterLab as sessions start it, in a real browser without the internet."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import nbformat
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from nebulab.develop.tests import SCREENSHOTS
from support import chromium
from support import lab as support
from support.lab import Lab
from support.stack import ENVIRONMENTS

pytestmark = pytest.mark.system
expect.set_options(timeout=30_000)

ENTER = {"Authorization": f"token {support.TOKEN}"}
APP = (
    "import ipywidgets, os\n"
    "print('no token here' if 'oken=' not in os.environ.get('QUERY_STRING', '') else 'TOKEN')\n"
    "open('ran.txt', 'a').write('x')",
    "turns = ipywidgets.IntSlider(value=3, description='turns')\n"
    "answer = ipywidgets.Label()\n"
    "turns.observe(lambda change: setattr(answer, 'value', f'twice is {2 * change.new}'), 'value')\n"
    "ipywidgets.VBox([turns, answer])",
    "import bqplot.pyplot as plt\nf = plt.figure(title='of bqplot')\nplt.plot([1, 2, 3], [4, 6, 5])\nplt.show()",
    "%matplotlib inline\nimport matplotlib.pyplot\nmatplotlib.pyplot.plot([1, 3, 2])\nmatplotlib.pyplot.show()",
)


def notebook(folder: Path, name: str, *cells: str) -> None:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    title = nbformat.v4.new_markdown_cell(f"# {name} as seen\n\n$\\frac{{1}}{{2}}$")
    made = nbformat.v4.new_notebook(cells=[title, *map(nbformat.v4.new_code_cell, cells)], metadata=kernel)
    (folder / f"{name}.ipynb").write_text(nbformat.writes(made))


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    request.getfixturevalue("installed")
    started = support.start(tmp_path_factory.mktemp("lab"), ENVIRONMENTS / "lab", ENVIRONMENTS / "kernels")
    work = started.folder / "work"
    notebook(work, "an app", *APP)
    notebook(work, "fails", "print('before')", "rows = {}['rows']", "print('after')")
    notebook(work, "never asked", "open('never.txt', 'w')")
    # What a cloned repository could bring: Voila would run it in JupyterLab's process.
    (work / "voila.py").write_text("open('taken.txt', 'w')\n")
    (work / "voila.json").write_text('{"VoilaConfiguration": {"strip_sources": false}}')
    (work / "secret.csv").write_text("1,2\n")
    yield started
    started.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    with chromium.opened() as page:
        yield page.context


@pytest.fixture
def page(browser: BrowserContext, lab: Lab) -> Iterator[Page]:
    """A page that notes what it asks of other machines and what it complains of."""
    opened = browser.new_page()
    opened.goto(f"{lab.url}/nebulab/start?token={support.TOKEN}")
    expect(opened.locator(".jp-DirListing-item", has_text="an app.ipynb")).to_be_visible()
    yield opened
    opened.close()


def picture(page: Page, name: str) -> None:
    folder = SCREENSHOTS.read(os.environ)
    for width in (1280, 1920) if folder else ():
        page.set_viewport_size({"width": width, "height": 800 if width == 1280 else 1080})
        page.screenshot(path=str(Path(folder) / f"{name}-{width}.png"))


def of_file(page: Page, name: str, command: str) -> None:
    page.locator(".jp-DirListing-item", has_text=name).click(button="right")
    page.get_by_role("menuitem", name=command, exact=True).click()


def test_a_notebook_is_an_app_in_a_tab(lab: Lab, page: Page) -> None:
    elsewhere: list[str] = []
    page.on("request", lambda request: note(elsewhere, lab, request.url))
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.locator(".jp-DirListing-item", has_text="an app.ipynb").dblclick()
    page.get_by_role("button", name="Open as app").click()
    app = page.frame_locator("iframe[title='an app as an app']")
    expect(app.get_by_role("heading", name="an app as seen")).to_be_visible()
    expect(app.get_by_text("no token here")).to_be_visible()
    expect(app.locator("mjx-container")).to_be_visible()
    # Widgets are alive: the kernel answers.
    expect(app.get_by_text("turns", exact=True)).to_be_visible()
    app.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    expect(app.get_by_text("twice is 8")).to_be_visible()
    expect(app.get_by_text("of bqplot").first).to_be_visible()
    expect(app.locator("svg .line, svg path.line").first).to_be_attached()
    figure = app.locator("img[src^='data:image/png']")
    expect(figure).to_be_visible()
    assert figure.evaluate("image => image.naturalWidth") > 300
    # No code is shown.
    expect(app.get_by_text("ipywidgets.IntSlider")).to_have_count(0)
    picture(page, "app")
    before = (lab.folder / "work" / "ran.txt").read_text()
    page.get_by_role("button", name="Run again").click()
    expect(app.get_by_text("twice is 8")).to_have_count(0)
    expect(app.get_by_text("of bqplot").first).to_be_visible()
    assert (lab.folder / "work" / "ran.txt").read_text() == before + "x"
    assert elsewhere == []
    assert errors == []
    assert not (lab.folder / "work" / "taken.txt").exists()


def note(elsewhere: list[str], lab: Lab, url: str) -> None:
    if urlsplit(url).scheme in {"http", "https", "ws", "wss"} and urlsplit(url).port != lab.port:
        elsewhere.append(url)


def test_a_failing_cell_is_told_with_what_to_do(lab: Lab, page: Page) -> None:
    with page.context.expect_page() as opened:
        of_file(page, "fails.ipynb", "Open as App in a Tab of the Browser")
    app = opened.value
    expect(app.get_by_text("before", exact=True)).to_be_visible()
    expect(app.get_by_text(re.compile("KeyError")).first).to_be_visible()
    expect(app.get_by_text("Cell 3 failed, and the app ends here.")).to_be_visible()
    expect(app.get_by_text("Open the notebook in JupyterLab and run its cells there")).to_be_visible()
    expect(app.get_by_text("after", exact=True)).to_have_count(0)
    assert app.evaluate("window.opener") is None
    picture(app, "app-failed")
    app.close()


def test_an_address_alone_runs_no_notebook(lab: Lab, page: Page) -> None:
    """A link on another site, or in a notebook, leads to a page that asks."""
    never = lab.folder / "work" / "never.txt"
    page.goto(f"{lab.url}/voila/render/never%20asked.ipynb?token={support.TOKEN}&theme=dark")
    assert urlsplit(page.url).query == "theme=dark"
    expect(page.get_by_role("heading", name="Open this notebook as an app?")).to_be_visible()
    picture(page, "app-asked")
    assert not never.exists()
    page.get_by_role("button", name="Run it as an app").click()
    expect(page.get_by_role("heading", name="never asked as seen")).to_be_visible()
    assert never.exists()
    page.goto(f"{lab.url}/voila/tree")
    assert urlsplit(page.url).path.startswith("/lab")


def test_apps_are_of_the_working_folder_and_of_who_has_the_token(lab: Lab) -> None:
    with (
        httpx.Client(base_url=lab.url, timeout=60) as stranger,
        httpx.Client(base_url=lab.url, timeout=60, headers=ENTER) as known,
    ):
        assert known.post("/nebulab/apps/open", json={"path": "an app.ipynb"}).json() == {
            "address": "/voila/render/an%20app.ipynb"
        }
        for path in ("../lab.log", "/etc/passwd", "secret.csv", "no such.ipynb", ""):
            assert known.post("/nebulab/apps/open", json={"path": path}).status_code in {400, 404}, path
            assert known.post("/nebulab/apps/page", json={"path": path}).status_code in {400, 404}, path
        for path in ("../lab.log", "%2e%2e/lab.log", "secret.csv"):
            assert known.get(f"/voila/files/{path}").status_code in {403, 404}, path
        for path in (
            "/voila",
            "/voila/render/an%20app.ipynb",
            "/voila/tree",
            "/voila/static/voila.js",
            "/voila/templates/lab/static/voila.js",
            "/voila/files/secret.csv",
            "/voila/api/contents/",
            "/voila/labextensions/bqplot/package.json",
            "/nebulab/apps/page?id=x",
        ):
            assert stranger.get(path).status_code == 403, path
            assert stranger.get(path, params={"token": "wrong"}).status_code == 403, path
        for path in ("/voila/api/shutdown/x", "/nebulab/apps/open", "/nebulab/apps/page"):
            assert stranger.post(path, json={"path": "an app.ipynb"}).status_code == 403, path
        assert "frame-ancestors 'self'" in known.get("/voila/static/voila.js").headers["Content-Security-Policy"]


def test_a_notebook_is_saved_as_a_page(lab: Lab, page: Page) -> None:
    of_file(page, "an app.ipynb", "Save as Page…")
    picture(page, "page-asked")
    page.get_by_role("button", name="Into outputs/").click()
    expect(page.get_by_text("Saved as outputs/an app.html. It comes into your history")).to_be_visible()
    expect(page.get_by_text("The widgets of code cells 2, 3 are not in it")).to_be_visible()
    made = (lab.folder / "work" / "outputs" / "an app.html").read_text()
    assert not re.search(r"""(src|href)=["']https?://""", made)
    shown = page.context.new_page()
    elsewhere: list[str] = []
    shown.on("request", lambda request: note(elsewhere, lab, request.url))
    shown.goto((lab.folder / "work" / "outputs" / "an app.html").as_uri())
    expect(shown.get_by_role("heading", name="an app as seen")).to_be_visible()
    figure = shown.locator("img[src^='data:image/png']")
    assert figure.evaluate("image => image.naturalWidth") > 300
    expect(shown.get_by_text("Here the notebook shows a widget (Figure), which is not in this page")).to_be_visible()
    assert elsewhere == []
    picture(shown, "page-saved")
    shown.close()


def test_a_page_of_a_failing_notebook_is_not_saved(lab: Lab, page: Page) -> None:
    of_file(page, "fails.ipynb", "Save as Page…")
    page.get_by_role("button", name="Into outputs/").click()
    expect(page.get_by_text("The page was not saved: A cell failed: KeyError: 'rows'")).to_be_visible()
    assert not (lab.folder / "work" / "outputs" / "fails.html").exists()
    assert json.loads((lab.folder / "work" / "fails.ipynb").read_text())["cells"][1]["outputs"] == []
