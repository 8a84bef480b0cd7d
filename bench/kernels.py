"""Kernels: forked ones against ordinary starts, in one session, in turn; then with the frameworks preloaded.

A real session without Galaxy gets the requests that JupyterLab's page makes.
"""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import subprocess
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import psutil

from bench.table import Row, grid
from nebulab.develop.environments import cpu_torch
from nebulab.session.kernels import overlay

FRAMEWORKS = "torch tensorflow jax"
_IMPORT = f"import {FRAMEWORKS.replace(' ', ', ')}"
_SECONDS = 300
_MIB = 1024 * 1024
_ROOM = b"\0" * 1000
"""The end of a forked kernel's command line: it replaces the zygote's, which is longer by more than that."""


@dataclass
class _Start:
    """One kernel's start: seconds until it had executed a cell, and MiB of it and of the zygote (proportional)."""

    seconds: float
    kernel: float
    zygote: float


@dataclass
class _Session:
    process: subprocess.Popen[str]
    address: str
    client: aiohttp.ClientSession = field(repr=False)

    async def start(self, code: str, *, forked: bool) -> _Start:
        """Start a kernel in the given way, execute `code` in it, look at its memory, and end it."""
        if forked:
            await self._zygote_is_ready()
        else:
            for zygote in self._processes("nebulab.kernel.zygote"):
                zygote.kill()
        begun = time.perf_counter()
        async with self.client.post(f"{self.address}/api/kernels", json={"name": "python3"}) as answer:
            kernel = (await answer.json())["id"]
        await self._execute(kernel, code)
        seconds = time.perf_counter() - begun
        (process,) = self._processes(kernel)
        if _is_forked(process) is not forked:
            raise RuntimeError(f"kernel {kernel} did not start as it should: forked {not forked}")
        held = _pss(process)
        zygotes = sum(_pss(zygote) for zygote in self._processes("nebulab.kernel.zygote")) if forked else 0
        async with self.client.delete(f"{self.address}/api/kernels/{kernel}"):
            return _Start(seconds, held, zygotes)

    async def _execute(self, kernel: str, code: str) -> None:
        asked = uuid.uuid4().hex
        request = {
            "header": {
                "msg_id": asked,
                "msg_type": "execute_request",
                "session": asked,
                "username": "",
                "version": "5.4",
            },
            "parent_header": {},
            "metadata": {},
            "channel": "shell",
            "content": {"code": code, "silent": False, "store_history": False, "allow_stdin": False},
        }
        async with self.client.ws_connect(f"{self.address}/api/kernels/{kernel}/channels", max_msg_size=0) as channel:
            await channel.send_json(request)
            async with asyncio.timeout(_SECONDS):
                async for message in channel:
                    reply: dict[str, Any] = message.json()
                    if reply["msg_type"] == "execute_reply" and reply["parent_header"].get("msg_id") == asked:
                        if reply["content"]["status"] != "ok":
                            raise RuntimeError("\n".join(reply["content"]["traceback"]))
                        return
        raise RuntimeError(f"kernel {kernel} has gone")

    async def _zygote_is_ready(self) -> None:
        """Wait until the zygote runs and uses no processor time any more."""
        before = -1.0
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            times = [zygote.cpu_times() for zygote in self._processes("nebulab.kernel.zygote")]
            now = sum(one.user + one.system for one in times)
            if times and now == before:
                return
            before = now if times else -1.0
            await asyncio.sleep(2)
        raise TimeoutError("no zygote came")

    def _processes(self, mark: str) -> list[psutil.Process]:
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if mark in " ".join(process.cmdline()):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found


def _is_forked(kernel: psutil.Process) -> bool:
    return Path(f"/proc/{kernel.pid}/cmdline").read_bytes().endswith(_ROOM)


def _pss(process: psutil.Process) -> float:
    return float(process.memory_full_info().pss) / _MIB


def _begin(folder: Path, environments: Path, torch: Path, variables: dict[str, str]) -> subprocess.Popen[str]:
    """Start a session by hand; its kernels find PyTorch in a folder beside their environment."""
    folder.mkdir()
    layer = folder / "session" / "overlay"
    overlay.create(layer, environments / "kernels")
    (next(layer.glob("lib/python3.*/site-packages")) / "torch.pth").write_text(str(torch))
    lab = environments / "lab" / "bin"
    given = {"NEBULAB_KERNELS": str(environments / "kernels"), "NEBULAB_ISOLATION": "none", "PATH": os.environ["PATH"]}
    return subprocess.Popen(
        [str(lab / "nebulab"), "session", "--mode", "scratch"],
        cwd=folder,
        env=given | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@asynccontextmanager
async def _session(folder: Path, environments: Path, torch: Path, **variables: str) -> AsyncIterator[_Session]:
    process = _begin(folder, environments, torch, variables)
    try:
        output = ""
        while (found := re.search(r"Open (\S+)", output)) is None:
            line = await asyncio.to_thread(process.stdout.readline) if process.stdout else ""
            if not line:
                raise RuntimeError(f"the session ended: {output}")
            output += line
        address = urlsplit(found[1])
        token = parse_qs(address.query)["token"][0]
        async with aiohttp.ClientSession(headers={"Authorization": f"token {token}"}) as client:
            yield _Session(process, f"http://{address.netloc}", client)
    finally:
        process.terminate()
        await asyncio.to_thread(process.communicate)


def measure(environments: Path, work: Path, rounds: int = 5) -> list[Row]:
    """Start kernels in turn, print what they take of memory, and return the rows."""
    torch = cpu_torch(environments / "kernels" / "bin" / "python", environments / "torch")
    return asyncio.run(_measure(environments, torch, work, rounds))


async def _measure(environments: Path, torch: Path, work: Path, rounds: int) -> list[Row]:
    plain: dict[bool, list[_Start]] = {False: [], True: []}
    loaded: dict[bool, list[_Start]] = {False: [], True: []}
    async with _session(work / "plain", environments, torch) as session:
        for _ in range(rounds + 1):  # the first round warms the disk's cache and is not counted
            for forked in (True, False):
                plain[forked].append(await session.start("1", forked=forked))
        for _ in range(3):
            loaded[False].append(await session.start(_IMPORT, forked=False))
    async with _session(work / "loaded", environments, torch, NEBULAB_PRELOAD=FRAMEWORKS) as session:
        for _ in range(3):
            loaded[True].append(await session.start(_IMPORT, forked=True))
    cells = [("kernel", "MiB", "and the zygote, MiB")]
    for name, starts in (("ordinary", plain[False]), ("forked", plain[True])):
        cells.append((name, *_memory(starts[1:])))
    for name, starts in (("ordinary, frameworks imported", loaded[False]), ("forked, preloaded", loaded[True])):
        cells.append((name, *_memory(starts[1:])))
    print(grid(cells), end="\n\n")
    return [
        Row.faster("a kernel has executed a cell", *_medians(plain), "the ordinary start", goal=10),
        Row.faster(f"a kernel has imported {FRAMEWORKS}", *_medians(loaded), "the ordinary start", goal=10),
    ]


def _medians(starts: dict[bool, list[_Start]]) -> tuple[float, float]:
    forked, ordinary = (statistics.median(one.seconds for one in starts[way][1:]) for way in (True, False))
    return forked, ordinary


def _memory(starts: list[_Start]) -> tuple[str, str]:
    kernel, zygote = (
        statistics.median(values)
        for values in ([one.kernel for one in starts], [one.kernel + one.zygote for one in starts])
    )
    return f"{kernel:.0f}", f"{zygote:.0f}"
