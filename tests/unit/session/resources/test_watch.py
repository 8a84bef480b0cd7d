"""The watch on a session's figures, with real processes, a real walk through the files and the stand-in's GPU."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nebulab.accelerators import diagnosis
from nebulab.accelerators.gpus import Look, Trouble
from nebulab.accelerators.machine import Machine
from nebulab.session import settings
from nebulab.session.inputs.staging import Request
from nebulab.session.inputs.start import Start
from nebulab.session.journal import Journal
from nebulab.session.limits.disk import Disk
from nebulab.session.limits.file_systems import FileSystem
from nebulab.session.outputs.elements import Datatypes
from nebulab.session.outputs.mirror import Mirror
from nebulab.session.prepared import Prepared
from nebulab.session.resources import watch
from nebulab.session.resources.watch import Resources
from support import nvml

MIB = 2**20
NO_GPU = Look(trouble=Trouble.NO_LIBRARY, reason="not on this machine")


class Session:
    """What the watch is given of a session: its settings, folders and journal."""

    def __init__(self, root: Path, look: Look = NO_GPU, **variables: str) -> None:
        read = settings.read({"GALAXY_SLOTS": "3", "NEBULAB_DISK_MB": "100", **variables}, root=root, key=None)
        for folder in (read.layout.work, read.layout.own):
            folder.mkdir(parents=True)
        self.journal = Journal()
        prepared = Prepared(
            settings=read,
            isolation="none",
            inherited=dict(os.environ) | nvml.variables(used_mb=1000, percent=0),
            request=Request(),
            sources=(),
            first=Start("", b""),
            mirror=Mirror(read.layout, Datatypes(("txt",)), self.journal.tell),
            journal=self.journal,
            gpus=diagnosis.examine(look, Machine()),
            job=None,
            outward=None,
            began=0.0,
        )
        disk = FileSystem(read.layout.root, holds_the_work=True)
        self.disk = Disk(read.layout, read.disk_bytes, process=os.getpid(), file_systems=[disk], journal=self.journal)
        self.work = read.layout.work
        self.quiet = 0.0
        self.ended = 0
        self.resources = Resources(
            prepared, os.getpid(), self.disk, quiet_seconds=lambda: self.quiet, end_for_gpu=self._end
        )

    def _end(self) -> None:
        self.ended += 1

    async def now(self) -> dict[str, Any]:
        await self.disk.look()
        await self.resources.look()
        return dict(json.loads(json.dumps(self.resources.now())))

    def told(self) -> str:
        return " ".join(str(message["text"]) for message in self.journal.messages())


@pytest.fixture
async def with_gpu(tmp_path: Path) -> AsyncIterator[Session]:
    session = Session(tmp_path, Look(), GALAXY_MEMORY_MB="100000")
    yield session
    await session.resources.close()


async def test_the_figures_stand_against_this_sessions_limits(tmp_path: Path) -> None:
    session = Session(tmp_path, GALAXY_MEMORY_MB="100000")
    (session.work / "data.bin").write_bytes(os.urandom(5 * MIB))
    first = await session.now()
    assert first["memory"]["limit"] == 100000 * MIB
    assert 10 * MIB < first["memory"]["used"] < 2000 * MIB
    assert (first["cpu"]["used"], first["cpu"]["limit"]) == (None, 3)
    assert 5 * MIB <= first["disk"]["used"] < 6 * MIB
    assert first["disk"]["limit"] == 100 * MIB
    assert first["disk"]["largest"][0][0] == "'data.bin'"
    assert first["gpu"]["text"] == "No GPU here: computing on the CPU."
    assert first["gpu"]["devices"] == []
    second = await session.now()
    assert second["cpu"]["used"] is not None
    assert session.told() == ""


async def test_without_limits_the_figures_are_there_without_a_share(tmp_path: Path) -> None:
    session = Session(tmp_path, NEBULAB_DISK_MB="", GALAXY_SLOTS="")
    now = await session.now()
    assert now["memory"]["limit"] is None
    assert now["cpu"]["limit"] == len(os.sched_getaffinity(0))
    assert (now["disk"]["used"], now["disk"]["limit"]) == (None, None)
    assert now["disk"]["free"] > 0


async def test_before_the_first_look_there_are_no_figures_and_no_error(tmp_path: Path) -> None:
    session = Session(tmp_path)
    assert "memory" not in session.resources.now()
    assert session.resources.last_hour()["time"] == []


async def test_the_user_is_warned_before_the_memory_runs_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(tmp_path, GALAXY_MEMORY_MB="100000")
    used = (await session.now())["memory"]["used"]
    for share, warned in ((0.5, False), (0.85, True), (0.77, True), (0.7, False), (0.92, True)):
        monkeypatch.setattr(session.resources, "_memory_limit", int(used / share))
        await session.now()
        assert ("of memory are used" in session.told()) is warned, share
    assert "At 95% what uses most is ended" in session.told()
    assert len(session.journal.messages()) == 1


async def test_a_gpus_figures_are_in_the_last_hour(with_gpu: Session) -> None:
    now = await with_gpu.now()
    (device,) = now["gpu"]["devices"]
    assert (device["name"], device["percent"], device["used"]) == ("Stand-in T4", 0, 1000 * MIB)
    assert now["gpu"]["usable"]
    hour = json.loads(json.dumps(with_gpu.resources.last_hour()))
    assert hour["devices"][device["id"]]["memory"] == [1000 * MIB]
    assert hour["memory"] == [now["memory"]["used"]]


async def test_a_session_with_an_idle_gpu_ends_only_where_an_administrator_has_it_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for then, ends in (("tell", False), ("end", True)):
        session = Session(tmp_path / then, Look(), NEBULAB_GPU_IDLE_MINUTES="0.001", NEBULAB_GPU_IDLE_THEN=then)
        await session.now()
        await asyncio.sleep(0.1)
        await session.now()
        assert bool(session.ended) is ends
        assert ("has computed nothing" in session.told()) is not ends
        await session.resources.close()


async def test_a_gpu_that_comes_back_needs_a_new_session(with_gpu: Session) -> None:
    """Kernels of a session that began without one were told to compute on the CPU."""
    hint = (await with_gpu.now())["gpu"]["hint"]
    assert "start a new one to use it" in hint


async def test_it_is_looked_at_more_often_while_a_page_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A busy machine takes its time, and the pause goes by it too.
    monkeypatch.setattr(watch, "_COST_SHARE", 0.0)
    session = Session(tmp_path)
    unseen = await session.resources.look()
    session.resources.now()
    seen = await session.resources.look()
    assert unseen >= 10
    assert seen < unseen
