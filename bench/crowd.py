"""A crowd, sessions that start at once as in a course: seconds until the last one computes, memory of each."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.sessions import BARE, OURS, Galaxy, Opened, job_folders, memory
from bench.table import Row

SESSIONS = 20
LONGEST = 1.15
LARGEST = 1.2
_CELL_SECONDS = 300


@dataclass(frozen=True)
class Crowd:
    """Figures of sessions that began together; times are from the first request."""

    last_lab: float
    """Seconds until the last one's `/lab` answered."""
    last_cell: float
    """Seconds until the last one's first cell had run."""
    memory: float
    """The median of a session with its kernel, in MiB."""
    failed: int


def gather(galaxy: Galaxy, data_dir: Path, tool: str, count: int = SESSIONS) -> Crowd:
    """Ask for `count` sessions of `tool` at once, run a cell in each, and stop them all."""
    began, moment = time.perf_counter(), time.time()
    labs: list[float] = []
    cells: list[float] = []
    with ExitStack() as opened, ThreadPoolExecutor(count) as pool:

        def one(_: int) -> None:
            session = opened.enter_context(galaxy.session(tool))
            labs.append(time.perf_counter() - began)
            asyncio.run(asyncio.wait_for(_run_a_cell(session), _CELL_SECONDS))
            cells.append(time.perf_counter() - began)

        outcomes = [pool.submit(one, number) for number in range(count)]
        failures = [error for outcome in outcomes if (error := outcome.exception()) is not None]
        for error in failures:
            print(f"a session failed: {error!r}", file=sys.stderr)
        held = [memory(folder) for folder in job_folders(data_dir, moment)]
    return Crowd(max(labs), max(cells), statistics.median(held), len(failures))


async def _run_a_cell(session: Opened) -> None:
    """Start a kernel and wait until it has computed something."""
    kernel = await asyncio.to_thread(session.start_kernel)
    cookies = "; ".join(f"{name}={value}" for name, value in session.client.cookies.items())
    headers = {"Host": session.client.headers["Host"], "Cookie": cookies}
    address = f"{str(session.client.base_url).rstrip('/').replace('http', 'ws', 1)}/api/kernels/{kernel}/channels"
    asked = uuid.uuid4().hex
    header = {"msg_id": asked, "msg_type": "execute_request", "session": asked, "username": "", "version": "5.4"}
    content = {"code": "6 * 7", "silent": False, "store_history": False, "allow_stdin": False}
    request = {"header": header, "parent_header": {}, "metadata": {}, "channel": "shell", "content": content}
    async with (
        aiohttp.ClientSession(headers=headers) as client,
        client.ws_connect(address, max_msg_size=0) as channel,
    ):
        await channel.send_json(request)
        async for message in channel:
            reply = message.json()
            if reply["msg_type"] == "execute_reply" and reply["parent_header"].get("msg_id") == asked:
                return
    raise RuntimeError("the kernel's channel was closed before it answered")


def measure(url: str, key: str, data_dir: Path) -> tuple[list[Row], Crowd]:
    """Compare a crowd of sessions with as many bare JupyterLabs on the same Galaxy; return the latter too."""
    galaxy = Galaxy(url, key)
    with galaxy.session(OURS), galaxy.session(BARE):
        pass  # the disk's cache is warm for both
    ours, bare = gather(galaxy, data_dir, OURS), gather(galaxy, data_dir, BARE)
    return _rows(f"{SESSIONS} sessions at once", ours, bare), bare


def measure_contained(url: str, key: str, data_dir: Path, bare: Crowd) -> list[Row]:
    """Compare a crowd of sessions in containers, on a Galaxy of their own, with bare JupyterLabs in none."""
    return _rows(f"{SESSIONS} sessions in containers at once", gather(Galaxy(url, key), data_dir, OURS), bare)


def _rows(what: str, ours: Crowd, bare: Crowd) -> list[Row]:
    whom = "bare jupyter lab"
    return [
        Row.figure(f"{what}: failed", ours.failed, "", goal=0),
        Row.at_most(f"{what}: last /lab", ours.last_lab, bare.last_lab, "s", whom, goal=LONGEST),
        Row.at_most(f"{what}: last cell computed", ours.last_cell, bare.last_cell, "s", whom, goal=LONGEST),
        Row.at_most(f"{what}: memory of each", ours.memory, bare.memory, "MiB", whom, goal=LARGEST),
    ]
