"""The status bar's figures and the tab Resources, in a real session with the stand-in's GPU, in a real browser."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from nebulab.linux import commands, parents
from support import lab as stand_in
from support import nvml
from support.by_hand import ByHand
from support.chromium import in_both_themes, listen, opened, pictures, violations
from support.galaxy import wait_for
from support.session import Session, typed_in_terminal
from support.stack import ENVIRONMENTS

pytestmark = pytest.mark.system
expect.set_options(timeout=60_000)

MIB = 2**20
LIMITS = {"GALAXY_MEMORY_MB": "4096", "GALAXY_SLOTS": "2", "NEBULAB_DISK_MB": "1024"}
# Figures that are cut off, or that lie below the items at the right.
CROWDED = """() => {
  const right = document.querySelector('.jp-StatusBar-Right').getBoundingClientRect().left;
  const last = document.querySelector('.jp-StatusBar-Right').lastElementChild.getBoundingClientRect().right;
  return [...document.querySelectorAll('[data-figure]')]
    .filter(item => item.scrollWidth > item.clientWidth || item.getBoundingClientRect().right > right)
    .map(item => item.textContent)
    .concat(last > innerWidth ? ['the items at the right'] : []);
}"""
NOTEBOOK: dict[str, Any] = {
    "cells": [],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
Started = Callable[..., ByHand]


@pytest.fixture
def page() -> Iterator[Page]:
    with opened() as page:
        yield page


@pytest.fixture
def started(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Started]:
    """Starts a session by hand; its work folder may be filled before."""
    request.getfixturevalue("installed")
    sessions: list[ByHand] = []

    def start(**variables: str) -> ByHand:
        sessions.append(ByHand(tmp_path / "job" / "working", **(LIMITS | variables)))
        return sessions[-1]

    yield start
    for session in sessions:
        session.stop()


def enter(page: Page, session: Session) -> None:
    """Open the session on a wide screen, and wait until its first page lies in front."""
    page.set_viewport_size({"width": 1600, "height": 800})
    page.goto(session.target)
    expect(page.get_by_role("tab", name="Welcome", selected=True)).to_be_visible()


def figure(page: Page, name: str) -> Locator:
    return page.locator(f"[data-figure={name}]")


def asked(session: Session, path: str) -> dict[str, Any]:
    with session.owner() as client:
        return dict(client.get(f"/nebulab/{path}").raise_for_status().json())


def notebook_of(client: httpx.Client, path: str) -> dict[str, Any]:
    """Save a notebook and open a session with a kernel for it, as the page does."""
    client.put(f"/api/contents/{path}", json={"type": "notebook", "content": NOTEBOOK}).raise_for_status()
    wish = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
    return dict(client.post("/api/sessions", json=wish).raise_for_status().json())


def test_figures_of_a_session_with_a_gpu(started: Started, page: Page, tmp_path: Path) -> None:
    figures, holders = tmp_path / "figures", tmp_path / "holders"
    figures.write_text("2048 37")
    by_hand = started(**nvml.variables(figures=figures, holders=holders))
    session = by_hand.opened()
    with session.owner() as client:
        made = notebook_of(client, "train me.ipynb")
        kernel = wait_for(
            "the kernel's figures",
            lambda: next((each for each in asked(session, "resources").get("programs", []) if each["is_kernel"]), None),
            60,
        )
    assert kernel["name"] == made["kernel"]["id"]
    assert (kernel["title"], kernel["path"]) == ("train me.ipynb", "train me.ipynb")
    assert 20 * MIB < kernel["memory"] < 400 * MIB
    outside = next(pid for pid, argv in commands(parents()).items() if made["kernel"]["id"].encode() in b" ".join(argv))
    holders.write_text(f"{outside} 1500")
    said = listen(page)
    enter(page, session)
    expect(figure(page, "memory")).to_have_text(re.compile(r"Mem 0\.\d/4 GB"))
    expect(figure(page, "cpu")).to_have_text(re.compile(r"CPU \d+ %"))
    expect(figure(page, "gpu")).to_have_text("GPU 37 %")
    expect(figure(page, "gpu-memory")).to_have_text("GPU mem 2/16 GB")
    expect(figure(page, "disk")).to_have_text(re.compile(r"Disk \d+ (kB|MB)/1 GB"))
    assert "Stand-in T4: 2.0 GB of 16 GB of GPU memory in use" in str(figure(page, "gpu-memory").get_attribute("title"))
    # With a notebook in front the bar is at its fullest.
    page.get_by_role("tab", name="Start here.ipynb").click()
    expect(page.locator(".jp-StatusBar-Right")).to_contain_text("Ln 1, Col 1")
    assert page.evaluate(CROWDED) == []
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(figure(page, "gpu-memory")).to_have_text("GPU mem 13 %")
    expect(figure(page, "disk")).to_have_count(0)
    assert page.evaluate(CROWDED) == []
    pictures(page, "status-bar")
    # The keyboard reaches it, and opens the tab.
    figure(page, "memory").focus()
    page.keyboard.press("Enter")
    tab = page.locator(".nebulab-resources")
    row = tab.get_by_role("row", name=re.compile("train me.ipynb"))
    expect(row).to_contain_text("1.5 GB")
    for title in ("Memory", "Processors", "Disk", "Load", "GPU memory", "Temperature", "Power"):
        expect(tab.get_by_role("img", name=re.compile(f"^{title}, last hour"))).to_be_visible()
    time.sleep(12)
    figures.write_text("12000 91")
    expect(figure(page, "gpu")).to_have_text("GPU 91 %")
    expect(tab.get_by_role("img", name="Load, last hour; now 91 %")).to_be_visible()
    line = tab.get_by_role("img", name=re.compile("^Load")).locator(".nebulab-chart-line")
    assert str(line.get_attribute("d")).count("L") >= 1
    pictures(page, "resources-gpu")
    for _ in in_both_themes(page):
        assert violations(page, ".nebulab-resources") == []
        assert violations(page, "[data-figure]") == []
    # As a table, for people to whom a chart says nothing.
    tab.get_by_text("The last hour as a table").click()
    expect(tab.locator("[data-table=hour] thead")).to_contain_text("Stand-in T4: load")
    # The kernel is shut down from here, after a question.
    row.get_by_role("button", name="Shut down the kernel of train me.ipynb").click()
    page.get_by_role("dialog").get_by_role("button", name="Shut down").click()
    expect(row).to_have_count(0)
    with session.owner() as client:
        assert made["kernel"]["id"] not in [each["id"] for each in client.get("/api/kernels").json()]
    assert [line for line in said if "nebulab" in line.lower()] == []


def test_without_a_gpu_the_tab_says_so(started: Started, page: Page) -> None:
    session = started().opened()
    enter(page, session)
    expect(figure(page, "gpu")).to_have_text("GPU none")
    figure(page, "gpu").click()
    expect(page.locator("[data-gpu=text]")).to_have_text("No GPU here: computing on the CPU. ")
    pictures(page, "resources-no-gpu")


@pytest.mark.parametrize(("code", "words"), [(18, "The driver was updated while it ran"), (4, "may not use the GPU")])
def test_an_nvml_error_is_a_clear_word_and_no_broken_tab(started: Started, page: Page, code: int, words: str) -> None:
    session = started(**nvml.variables(init=code)).opened()
    enter(page, session)
    expect(figure(page, "gpu")).to_contain_text("GPU fails")
    figure(page, "gpu").click()
    expect(page.locator("[data-gpu=text]")).to_contain_text("No GPU here: computing on the CPU.")
    expect(page.locator("[data-gpu=text]")).to_contain_text(words)
    expect(page.locator(".nebulab-resources").get_by_role("img", name=re.compile("^Memory"))).to_be_visible()


def test_slices_are_shown_as_what_they_are(started: Started, page: Page) -> None:
    session = started(**nvml.variables(name="Stand-in A100", mig="1g.5gb:4864,2g.10gb:9728", used_mb=4700)).opened()
    enter(page, session)
    expect(figure(page, "gpu")).to_have_text("GPU 1g.5gb, 2g.10gb")
    # The fullest one is shown, and it is nearly full.
    expect(figure(page, "gpu-memory")).to_contain_text("GPU mem 4.6/4.8 GB")
    expect(figure(page, "gpu-memory")).to_have_class(re.compile("nebulab-mod-critical"))
    figure(page, "gpu").click()
    tab = page.locator(".nebulab-resources")
    expect(tab.get_by_role("heading", name="Stand-in A100 MIG 1g.5gb (slice of a GPU)")).to_be_visible()
    expect(tab).to_contain_text("Profile 2g.10gb, with memory of its own (MIG).")
    expect(tab.get_by_role("img", name=re.compile("^Load"))).to_have_count(0)
    pictures(page, "resources-mig")


def test_a_gpu_that_nobody_uses_is_told(started: Started, page: Page, tmp_path: Path) -> None:
    figures = tmp_path / "figures"
    figures.write_text("500 0")
    session = started(NEBULAB_GPU_IDLE_MINUTES="0.05", **nvml.variables(figures=figures)).opened()
    enter(page, session)
    expect(page.get_by_text(re.compile("The GPU has computed nothing for 0.05 minutes"))).to_be_visible()
    figures.write_text("500 60")
    expect(page.get_by_text(re.compile("The GPU has computed nothing"))).to_have_count(0)


def test_nvitop_in_the_terminal(started: Started) -> None:
    session = started(NEBULAB_ISOLATION="none", **nvml.variables()).opened()
    shown = asyncio.run(typed_in_terminal(session.stack.proxy_url, session.token, "nvitop --once"))
    assert "Stand-in T4" in shown


def test_nvitop_without_a_gpu_says_why(started: Started) -> None:
    session = started().opened()
    shown = asyncio.run(typed_in_terminal(session.stack.proxy_url, session.token, "nvitop --once"))
    assert "NVIDIA Management Library (NVML) not found" in shown


def test_the_bar_shows_in_form_and_colour_what_runs_out(
    request: pytest.FixtureRequest, tmp_path: Path, page: Page
) -> None:
    lab = stand_in.start(tmp_path / "lab", ENVIRONMENTS / "lab", ENVIRONMENTS / "kernels")
    request.addfinalizer(lab.stop)
    resources = {
        "memory": {"used": 17 * 2**30, "limit": 20 * 2**30},
        "cpu": {"used": 7.0, "limit": 7},
        "disk": {"used": 245 * 2**30, "limit": 250 * 2**30, "free": 10**12, "largest": []},
        "gpu": {"text": "", "hint": "", "usable": False, "driver": "", "idle_seconds": None, "devices": []},
    }
    lab.broker.status |= {"resources": resources, "remaining_seconds": 7080.0}
    page.set_viewport_size({"width": 1600, "height": 800})
    page.goto(f"{lab.url}/nebulab/start?token={stand_in.TOKEN}")
    expect(figure(page, "memory")).to_have_text("⚠ Mem 17/20 GB")
    expect(figure(page, "memory")).to_have_class(re.compile("nebulab-mod-high"))
    expect(figure(page, "disk")).to_have_text("⚠ Disk 245/250 GB")
    expect(figure(page, "disk")).to_have_class(re.compile("nebulab-mod-critical"))
    expect(figure(page, "cpu")).to_have_class(re.compile("nebulab-mod-calm"))
    assert "delete what you do not need" in str(figure(page, "disk").get_attribute("aria-label"))
    left = page.get_by_role("button", name=re.compile("^1 h 58 min left"))
    expect(left).to_have_text("1 h 58 min left")
    pictures(page, "resources-levels")
    left.click()
    expect(page.get_by_text("The session keeps running.")).to_be_visible()
    assert lab.broker.extended == 1


def test_a_page_that_nobody_uses_asks_seldom_and_the_session_costs_next_to_nothing(
    started: Started, page: Page
) -> None:
    by_hand = started(**nvml.variables())
    session = by_hand.opened()
    requests: list[str] = []
    enter(page, session)
    expect(figure(page, "memory")).to_be_visible()
    time.sleep(5)
    page.on("request", lambda request: requests.append(request.url))
    before, began = processor_seconds(by_hand.process.pid), time.monotonic()
    page.wait_for_timeout(25_000)
    share = (processor_seconds(by_hand.process.pid) - before) / (time.monotonic() - began)
    print(json.dumps({"requests": [url.partition("?")[0] for url in requests], "share": share}))
    assert len([url for url in requests if "/nebulab/resources" in url]) == 0
    assert share < 0.03


def processor_seconds(pid: int) -> float:
    """The session's own process alone: its watches, the broker, the figures."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
