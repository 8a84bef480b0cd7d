"""A page in a real Chromium, what its console says, and screenshots of it."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import BrowserContext, Page, sync_playwright
from playwright.sync_api import TimeoutError as NotInTime

from nebulab.develop.tests import SCREENSHOTS
from support import without_netlink
from support.parts import require

_QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]
_THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"


@contextmanager
def context(*, height: int = 800, seconds: float = 60) -> Iterator[BrowserContext]:
    """Start Chromium, whose pages wait `seconds` for what they look for, and end it with the block."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        # Playwright has a place for one program's path, and puts arguments of its own first.
        started = Path(folder) / "chromium"
        words = (sys.executable, str(Path(without_netlink.__file__)), require("browser"))
        started.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        started.chmod(0o700)
        browser = playwright.chromium.launch(
            executable_path=started, args=["--no-sandbox", "--disable-gpu", "--no-first-run", *_QUIET]
        )
        made = browser.new_context(viewport={"width": 1280, "height": height})
        made.set_default_timeout(seconds * 1000)
        yield made
        made.close()
        browser.close()


@contextmanager
def opened(*, height: int = 800, seconds: float = 60) -> Iterator[Page]:
    """Start Chromium, with a page that waits `seconds` for what it looks for, and end it with the block."""
    with context(height=height, seconds=seconds) as made:
        yield made.new_page()


def listen(page: Page) -> list[str]:
    """Return the list to which errors of the page's console and scripts are added from now on."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def violations(page: Page, selector: str) -> list[str]:
    """Return what axe finds serious or critical in the part of the page at `selector`."""
    found = Axe().run(page, context=selector).response["violations"]
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in found
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


def from_launcher(page: Page, card: str, has_text: str | None = None) -> None:
    """Open the Lab's launcher by its keys, and click a card of it.

    Keys are nobody's before the Lab is there, and the page Welcome may come in front of what was opened before it.
    """
    page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)")
    wanted = page.locator(f"{card}:visible", has_text=has_text).first
    for patience in (3_000, 10_000, 30_000):
        page.keyboard.press("Control+Shift+L")
        try:
            wanted.click(timeout=patience)
        except NotInTime:
            continue
        return
    wanted.click()


def picture(page: Page, name: str) -> None:
    """Keep a screenshot where somebody wants to look at it."""
    folder = SCREENSHOTS.read(os.environ)
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def in_both_themes(page: Page) -> Iterator[str]:
    """Change the Lab's theme, and yield the name of each: dark, then light."""
    for theme in ("Dark", "Light"):
        page.evaluate(_THEME, f"JupyterLab {theme}")
        page.wait_for_timeout(800)
        yield theme.lower()


def pictures(page: Page, name: str) -> None:
    """Keep screenshots of the Lab where somebody wants to look at them: two widths, light and dark."""
    folder = SCREENSHOTS.read(os.environ)
    if not folder:
        return
    for theme in in_both_themes(page):
        for width, height in ((1280, 800), (1920, 1080)):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(800)
            page.screenshot(path=str(Path(folder) / f"{name}-{theme}-{width}.png"))
    page.set_viewport_size({"width": 1280, "height": 800})
