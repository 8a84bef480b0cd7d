"""The Lab's page in a real browser, sessions of two checkouts in turn: until it can be used, and what it costs idle."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from bench import sessions
from bench.jobs import Side
from bench.table import Row
from nebulab.errors import SettingsError

_QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]
_IDLE_SECONDS = 60
_SLICES = 3
"""How often a minute with the panel is measured, each after one without it, since any minute has work of its own."""
_SETTLE_SECONDS = 20
"""After which what a start brings along is over."""
# JupyterLab takes its splash screen away when all that it restores is there.
_USABLE = """() =>
    document.querySelector('#jp-main-dock-panel .lm-TabBar-tab') && !document.querySelector('#jupyterlab-splash')"""
_PANEL = "nebulab-galaxy"
"""The id of the Galaxy panel's tab in the left side bar."""


@contextmanager
def _browser() -> Iterator[Browser]:
    path = which("chromium")
    if path is None:
        raise SettingsError("There is no Chromium to open the page in.", "`./nebulab test` installs it with apt.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu", *_QUIET])
        try:
            yield browser
        finally:
            browser.close()


def measure(new: Side, old: Side | None, rounds: int) -> list[Row]:
    """Open the page of a session of either side in turn, `rounds` times, and leave ours idle.

    Without an older side only the idle page is measured.
    """
    taken: dict[Side, list[float]] = {side: [] for side in (new, old) if side}
    with ExitStack() as stack:
        browser = stack.enter_context(_browser())
        began = time.time()
        addresses = {}
        for side in taken:
            opened = stack.enter_context(sessions.Galaxy(side.url, side.key).session(sessions.OURS))
            addresses[side] = opened.target
        for number in range(rounds + 1 if old else 1):
            for side in taken:
                seconds = _load(browser, addresses[side])
                if number:  # the first round warms the server up
                    taken[side].append(seconds)
        folder = sessions.job_folders(new.data_dir, began)[-1]
        time.sleep(_SETTLE_SECONDS)
        alone = _share(folder)
        idle = _idle(browser, addresses[new], folder)
    rows = [
        Row.figure("an idle page with the Galaxy panel: Nebulab's requests in 10 s", idle.requests, "", goal=1),
        Row.figure("the same: CPU of the session's processes that the panel adds", idle.panel, "%", goal=1),
        Row.figure("CPU of an idle session's processes without a page", alone, "%", goal=2),
    ]
    if old is None:
        return rows
    print(f"the page: {taken[new]} against {taken[old]}", file=sys.stderr)
    usable, before = (statistics.median(taken[side]) for side in (new, old))
    row = Row.at_most("the Lab's page until it can be used", usable, before, "s", "the checkout before", goal=1.15)
    return [row, *rows]


def _load(browser: Browser, address: str) -> float:
    """Return the seconds until a browser that has never been here shows the page."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    try:
        page = context.new_page()
        began = time.perf_counter()
        page.goto(address)
        page.wait_for_function(_USABLE, timeout=120_000)
        return time.perf_counter() - began
    finally:
        context.close()


@dataclass(frozen=True)
class _Idle:
    """What an idle page with the Galaxy panel costs: requests in 10 s, and percent of a core that the panel adds."""

    requests: float
    panel: float


def _idle(browser: Browser, address: str, folder: Path) -> _Idle:
    """Measure an idle page with the panel closed and with the panel open, in turn."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    try:
        page = context.new_page()
        page.goto(address)
        page.wait_for_function(_USABLE, timeout=120_000)
        asked: list[str] = []
        shares: dict[bool, list[float]] = {False: [], True: []}
        heard: list[str] = []
        page.on("request", lambda request: heard.append(request.url) if "/nebulab/" in request.url else None)
        for number in range(2 * _SLICES):
            open_ = bool(number % 2)
            _show_panel(page, open_)
            page.wait_for_timeout(_SETTLE_SECONDS * 1000)
            heard.clear()
            shares[open_].append(_share(folder, lambda: page.wait_for_timeout(_IDLE_SECONDS * 1000)))
            if open_:
                asked += heard
        print(f"requests of the idle page: {sorted(asked)}", file=sys.stderr)
        print(f"CPU in % without the panel and with it, in turn: {shares[False]}, {shares[True]}", file=sys.stderr)
        added = statistics.median(shares[True]) - statistics.median(shares[False])
        return _Idle(len(asked) * 10 / _IDLE_SECONDS / _SLICES, max(added, 0.0))
    finally:
        context.close()


def _show_panel(page: Page, wanted: bool) -> None:
    """Open the panel, or close it."""
    tab = page.locator(f".jp-SideBar [data-id={_PANEL}]")
    if (tab.get_attribute("aria-selected") == "true") != wanted:
        tab.click()
    page.locator(f"#{_PANEL}").wait_for(state="visible" if wanted else "hidden")


def _share(folder: Path, wait: Callable[[], object] = lambda: time.sleep(_IDLE_SECONDS)) -> float:
    """Return the CPU of the session's processes in the next minute, in percent of a core."""
    before = _cpu(sessions.processes(folder))
    wait()
    return 100 * (_cpu(sessions.processes(folder)) - before) / _IDLE_SECONDS


def _cpu(processes: Sequence[psutil.Process]) -> float:
    """Return the CPU seconds of processes so far."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        total += times.user + times.system
    return total
