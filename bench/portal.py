"""The portal with a hundred people at once, and with a hundred thousand applications: pages' times, and lost requests.

Galaxy is a process that answers who has which login: measured is the portal's own work, in its process.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import httpx
from aiohttp import web
from sqlalchemy import insert

from bench.table import Row
from nebulab.files import write_private
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Access, Act, Application, Errand, Person

PEOPLE = 100
_GOAL_MILLISECONDS = 200
_PAUSES = (0.5, 1.5)
"""Seconds that a person looks at a page."""
_ROUNDS = 5
MANY, FEW = 100_000, 500
"""With 500 every page is as long as with more."""
_SLOWER = 2.0
_LOOKS = 40
_SETTLE_SECONDS = 10
_KEY = "key-of-the-administrator"
_WRITTEN = {
    "purpose": "Segment nuclei in 900 microscope images",
    "project": "Nuclei",
    "group_leader": "Grace Hopper",
    "institution": "Universität Freiburg",
    "gpu_need": "A U-Net in PyTorch, ten hours a week",
    "terms": "1",
}
PAGES = (
    "/",
    "/admin/queue",
    "/admin/queue?state=approved",
    "/admin/accesses",
    "/admin/accesses?ended=true",
    "/admin/accesses/{person}",
    "/admin/applications/{application}",
    "/admin/state",
    "/admin/log",
)
"""Pages whose content is out of all applications, as an administrator sees them."""


def measure(work: Path) -> list[Row]:
    """Measure both; the machine's load is told beside the figures."""
    work.mkdir(parents=True)
    print(f"portal: the machine's load before is {os.getloadavg()[0]:.2f}", file=sys.stderr)
    with _galaxy(0) as galaxy:
        rows = _crowd(galaxy, work / "crowd")
    return [*rows, *_many(work)]


# --- a hundred people -----------------------------------------------------------------------------------------------


def _crowd(galaxy: str, folder: Path) -> list[Row]:
    with _portal(galaxy, folder) as url:
        at_ease = asyncio.run(_people(url, "walk", _PAUSES))
        at_once = asyncio.run(_people(url, "rush", (0.0, 0.0)))
    rows = []
    for how, (times, lost) in (("a page a second", at_ease), ("as fast as they get them", at_once)):
        figures = sorted(times)
        print(f"portal: {len(times)} pages, {how}: median {figures[len(figures) // 2]:.0f} ms", file=sys.stderr)
        rows += [
            Row.figure(f"{PEOPLE} people at the portal, {how}: p95", _p95(times), "ms", goal=_GOAL_MILLISECONDS),
            Row.figure("the same: requests that were lost", lost, "", goal=0),
        ]
    return rows


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


async def _people(url: str, name: str, pauses: tuple[float, float]) -> tuple[list[float], int]:
    """Let everybody begin at the same moment; return the milliseconds of each answer, and how many were none."""
    times: list[float] = []
    lost: list[str] = []
    async with asyncio.TaskGroup() as group:
        for number in range(PEOPLE):
            group.create_task(_person(url, f"{name}{number}", pauses, times, lost))
    if lost:
        print(f"portal: lost: {lost[:5]}", file=sys.stderr)
    return times, len(lost)


async def _person(url: str, name: str, pauses: tuple[float, float], times: list[float], lost: list[str]) -> None:
    """Apply as somebody does: the first page, the form, the form sent, what became of it; and look again."""

    async def ask(page: str, fields: dict[str, str] | None = None) -> str:
        """Return what a page says, or the page that a form leads to; each request counts by itself."""
        began = time.perf_counter()
        try:
            method = "POST" if fields else "GET"
            async with client.request(method, f"{url}{page}", data=fields, allow_redirects=False) as answer:
                text = await answer.text()
                status, onwards = answer.status, answer.headers.get("location", "")
        except (aiohttp.ClientError, TimeoutError) as error:
            status, onwards, text = 0, "", repr(error)
        times.append((time.perf_counter() - began) * 1000)
        if status != (303 if fields else 200):
            lost.append(f"{page}: {status} {text[:200]}")
        await asyncio.sleep(chance.uniform(*pauses))
        return await ask(onwards) if onwards else text

    chance = random.Random(name)
    cookies = {"galaxysession": f"c0ffee{name}"}
    # A cookie of an address without dots is kept only if it is asked for.
    jar = aiohttp.CookieJar(unsafe=True)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(cookies=cookies, cookie_jar=jar, timeout=timeout) as client:
        await ask("/")
        form = await ask("/apply")
        token = re.search(r'name="form_token" value="(\w+)"', form)
        until = (date.today() + timedelta(days=60)).isoformat()
        filled = _WRITTEN | {"email": f"{name}@uni-freiburg.de", "wanted_until": until}
        await ask("/apply", filled | {"form_token": token[1] if token else ""})
        for _ in range(_ROUNDS):
            for page in ("/", "/mails", "/privacy"):
                await ask(page)


# --- a hundred thousand applications ---------------------------------------------------------------------------------


def _many(work: Path) -> list[Row]:
    """Ask two portals in turn for each page: one with few applications, one with many."""
    with ExitStack() as opened:
        few, many = (opened.enter_context(_filled(work / str(count), count)) for count in (FEW, MANY))
        # The comparison with Galaxy's groups, which every portal makes at its start, is over.
        time.sleep(_SETTLE_SECONDS)
        cookies = {"galaxysession": "c0ffeeadmin"}
        with httpx.Client(trust_env=False, cookies=cookies) as client:
            return [_page(client, few, many, page) for page in PAGES]


@contextmanager
def _filled(folder: Path, count: int) -> Iterator[str]:
    fill(folder, count)
    with _galaxy(count) as galaxy, _portal(galaxy, folder) as url:
        yield url


def _page(client: httpx.Client, few: str, many: str, page: str) -> Row:
    taken: dict[str, list[float]] = {few: [], many: []}
    for number in range(_LOOKS + 2):
        for url in taken:
            address = page.format(person="id8", application="8" * 32)
            began = time.perf_counter()
            answer = client.get(f"{url}{address}").raise_for_status()
            if number > 1:  # the first ones warm it up
                taken[url].append((time.perf_counter() - began) * 1000)
            assert answer.text
    ours, theirs = (statistics.median(taken[url]) for url in (many, few))
    return Row.at_most(f"{page} with {MANY:,} applications", ours, theirs, "ms", f"with {FEW}", goal=_SLOWER)


def fill(folder: Path, count: int) -> None:
    """Write so many applications, each of another person, into a new database: three in five wait for a decision."""
    now, today = datetime(2026, 11, 1), date.today()
    people: list[dict[str, Any]] = []
    asked: list[dict[str, Any]] = []
    given: list[dict[str, Any]] = []
    acts: list[dict[str, Any]] = []
    errands: list[dict[str, Any]] = []
    for number in range(count):
        person, at = f"id{number}", now + timedelta(seconds=number)
        application = str(number) * 32 if number < 10 else f"{number:032d}"
        email = f"person{number}@uni-freiburg.de"
        state = ("waiting", "waiting", "waiting", "approved", "approved")[number % 5]
        people.append({"id": person, "email": email, "name": f"person{number}", "seen": at})
        asked.append(
            {name: value for name, value in _WRITTEN.items() if name != "terms"}
            | {"id": application, "person_id": person, "state": state, "version": 2, "email": email, "terms": "1"}
            | {"standing": "institution", "wanted_until": today + timedelta(days=90), "submitted": at, "confirmed": at}
            | {"decided": at if state == "approved" else None, "decided_by": "admin@uni-freiburg.de"}
        )
        for act in ("applied", "confirmed"):
            acts.append({"at": at, "actor": person, "act": act, "person_id": person, "application_id": application})
        if state == "approved":
            ended = number % 2
            until = today + timedelta(days=-5 if ended else 90 + number % 300)
            given.append(
                {"person_id": person, "version": 1, "since": at, "until": until, "reminded": until}
                | {"ended": at if ended else None, "ending": "expired" if ended else ""}
            )
            errands.append({"kind": "membership", "person_id": person, "made": at, "due": at, "done": at})
    with Database(f"sqlite:///{folder / 'portal.sqlite'}") as database:
        database.upgrade()
        with database.writing() as session:
            for table, rows in (
                (Person, people),
                (Application, asked),
                (Access, given),
                (Act, acts),
                (Errand, errands),
            ):
                session.execute(insert(table), rows)


# --- what both need --------------------------------------------------------------------------------------------------


@contextmanager
def _portal(galaxy: str, folder: Path) -> Iterator[str]:
    """Start a portal on a folder, and yield its address."""
    port = _free_port()
    folder.mkdir(exist_ok=True)
    write_private(folder / "key", _KEY)
    url = f"http://localhost:{port}"
    environment = os.environ | {
        "NEBULAB_PORTAL_DIR": str(folder),
        "NEBULAB_PORTAL_GALAXY": galaxy,
        "NEBULAB_PORTAL_KEY_FILE": str(folder / "key"),
        "NEBULAB_PORTAL_URL": url,
        "NEBULAB_PORTAL_PORT": str(port),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "nebulab", "portal"], env=environment, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not _answers(f"http://127.0.0.1:{port}/health"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The portal does not start: {(folder / 'log').read_text()}")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _galaxy(count: int) -> Iterator[str]:
    """Start a stand-in for Galaxy whose groups are those of `count` applications, and yield its address."""
    port = _free_port()
    process = multiprocessing.get_context("spawn").Process(target=_be_galaxy, args=(port, count), daemon=True)
    process.start()
    try:
        deadline = time.monotonic() + 30
        while not _answers(f"http://127.0.0.1:{port}/api/users/current"):
            if time.monotonic() > deadline:
                raise RuntimeError("The stand-in for Galaxy does not start.")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.join()


def _be_galaxy(port: int, count: int) -> None:
    """Answer who is logged in, and which groups there are."""
    groups = {"Nebulab GPU access": "gpu_access_validated", "Nebulab GPU access (ended)": "gpu_access_expired"}

    async def current(request: web.Request) -> web.Response:
        name = request.cookies.get("galaxysession", "").removeprefix("c0ffee") or "admin"
        email = f"{name}@uni-freiburg.de"
        return web.json_response({"id": f"id{name}", "email": email, "username": name, "is_admin": name == "admin"})

    async def roles(_: web.Request) -> web.Response:
        return web.json_response([{"id": role, "name": role} for role in groups.values()])

    async def listed(_: web.Request) -> web.Response:
        return web.json_response([{"id": f"g{number}", "name": name} for number, name in enumerate(groups)])

    async def members(request: web.Request) -> web.Response:
        ended = int(request.match_info["group"].removeprefix("g"))
        found = [number for number in range(count) if number % 5 > 2 and number % 2 == ended]
        return web.json_response(
            [{"id": f"id{number}", "email": f"person{number}@uni-freiburg.de"} for number in found]
        )

    async def changed(_: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/api/users/current", current)
    app.router.add_get("/api/roles", roles)
    app.router.add_get("/api/groups", listed)
    app.router.add_get("/api/groups/{group}/roles", roles)
    app.router.add_get("/api/groups/{group}/users", members)
    app.router.add_route("*", "/api/groups/{group}/users/{user}", changed)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
