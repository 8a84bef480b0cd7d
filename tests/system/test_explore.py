"""Galaxy's "Explore": the tool's form, opened by an address that names a dataset, has it chosen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from nebulab.contract import JOB_TOOL
from support import chromium
from support.galaxy import TOOL, GalaxyUser
from support.stack import Stack

pytestmark = pytest.mark.system


@pytest.fixture
def page(stack: Stack) -> Iterator[Page]:
    with chromium.opened(height=1000, seconds=120) as page:
        yield page


@pytest.mark.parametrize("tool", [TOOL, JOB_TOOL])
def test_an_address_fills_the_datasets_to_start_with(
    stack: Stack, galaxy: GalaxyUser, history: str, page: Page, tool: str
) -> None:
    table = galaxy.upload(history, "a\tb\n1\t2\n", "petals.tsv", "tabular")["id"]
    page.goto(f"{stack.url}/login/start")
    page.fill("input[name=login]", stack.user.email)
    page.fill("input[name=password]", stack.user.password)
    page.click("button[name=login]")
    page.locator("#activity-upload").wait_for()
    page.evaluate("id => fetch('/history/set_as_current?id=' + id)", history)
    page.goto(f"{stack.url}/?tool_id={tool}&version=latest&__datasets={table}")
    chosen = page.locator(".ui-form-element", has_text="Datasets to start with").last
    expect(chosen.get_by_text("petals.tsv").first).to_be_visible(timeout=120_000)
    chromium.picture(page, f"explore-{tool}")
