"""The example notebook of plots: each figure drawn in a real browser that reaches no other machine, in the session, and
in the page that is saved of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from nebulab.session.inputs.start import default_notebooks
from support import chromium
from support import lab as support
from support.lab import Lab
from support.stack import ENVIRONMENTS

pytestmark = pytest.mark.system
expect.set_options(timeout=60_000)

COLOURS = """canvas => {
  const all = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return new Set(new Uint32Array(all.buffer)).size;
}"""


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    request.getfixturevalue("installed")
    started = support.start(tmp_path_factory.mktemp("lab"), ENVIRONMENTS / "lab", ENVIRONMENTS / "kernels")
    source = default_notebooks()
    assert source is not None
    (started.folder / "work" / "outputs").mkdir()
    (started.folder / "work" / "notebooks").mkdir()
    shutil.copy(source / "notebooks" / "plots.ipynb", started.folder / "work" / "notebooks")
    yield started
    started.stop()


@pytest.fixture
def asked() -> list[str]:
    """What the browser asked of other machines."""
    return []


@pytest.fixture
def page(lab: Lab, asked: list[str]) -> Iterator[Page]:
    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    # High enough that JupyterLab has every cell in its page.
    with chromium.opened(height=5000) as page:
        page.context.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), refuse)
        yield page


def drawn(page: Page | Locator, pictures: int) -> None:
    """Pictures with pixels, Bokeh's canvas with more than its background, Plotly's points."""
    images = page.locator(".jp-RenderedImage img")
    expect(images).to_have_count(pictures)
    for image in images.all():
        assert image.evaluate("image => image.naturalWidth * image.naturalHeight") > 50_000
    canvas = page.locator(".bk-Figure canvas, .bk-Canvas canvas").first
    expect(canvas).to_be_visible()
    assert canvas.evaluate(COLOURS) > 20
    expect(page.locator(".js-plotly-plot .scatterlayer .point")).to_have_count(60)
    expect(page.get_by_text("Leaves, by Plotly").first).to_be_visible()


def test_every_figure_is_drawn_in_the_session(lab: Lab, page: Page, asked: list[str]) -> None:
    page.goto(f"{lab.url}/nebulab/start?token={support.TOKEN}")
    page.locator(".jp-DirListing").wait_for()
    page.goto(f"{lab.url}/lab/tree/notebooks/plots.ipynb")
    page.locator(".jp-NotebookPanel .jp-CodeCell").first.click()
    expect(page.get_by_text("Python 3 (AI) | Idle")).to_be_visible()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    notebook = page.locator(".jp-NotebookPanel")
    longer = notebook.get_by_text(re.compile(r"^\d+ of 60 leaves are longer"))
    try:
        expect(longer).to_be_visible(timeout=90_000)
    finally:
        chromium.picture(page, "plots")
    drawn(notebook, pictures=2)
    expect(notebook.get_by_text("Leaves, by bqplot").first).to_be_visible()
    expect(notebook.locator(".bqplot .dot").nth(59)).to_be_attached()
    # The widget asks the kernel.
    before = longer.inner_text()
    notebook.get_by_role("slider").focus()
    page.keyboard.press("End")
    expect(longer).not_to_have_text(before)
    assert asked == []


def test_the_figures_are_drawn_in_a_page_that_was_saved(lab: Lab, page: Page, asked: list[str]) -> None:
    page.goto(f"{lab.url}/nebulab/start?token={support.TOKEN}")
    page.locator(".jp-DirListing-item", has_text="notebooks").dblclick()
    page.locator(".jp-DirListing-item", has_text="plots.ipynb").click(button="right")
    page.get_by_role("menuitem", name="Save as Page…", exact=True).click()
    page.get_by_role("button", name="Into outputs/").click()
    expect(page.get_by_text("Saved as outputs/plots.html.")).to_be_visible(timeout=120_000)
    page.goto((lab.folder / "work" / "outputs" / "plots.html").as_uri())
    drawn(page.locator("body"), pictures=2)
    chromium.picture(page, "plots-page")
    assert asked == []
