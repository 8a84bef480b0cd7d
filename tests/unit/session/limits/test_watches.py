"""A look at memory, disk or processes that fails or hangs is told, and the next one does its work."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nebulab.session.journal import Journal
from nebulab.session.layout import Layout
from nebulab.session.limits import disk, memory, processes
from nebulab.session.limits.disk import Disk
from nebulab.session.limits.memory_watch import MemoryWatch
from nebulab.session.limits.processes_watch import ProcessesWatch
from nebulab.session.limits.usage import measure
from nebulab.session.outputs import mirroring
from nebulab.session.watches.keeper import Keeper, Watch

LIMIT = 100 * 2**20


class Collected:
    """In place of the mirror: what it does at each update."""

    scan_seconds = 0.2

    def update(self) -> None:
        return


def of_memory(journal: Journal, layout: Layout) -> Watch:
    return MemoryWatch(os.getpid(), 2**40, file_systems=[], journal=journal, contained=False, attended=True)


def of_disk(journal: Journal, layout: Layout) -> Watch:
    return Disk(layout, LIMIT, process=os.getpid(), file_systems=[], journal=journal)


def of_processes(journal: Journal, layout: Layout) -> Watch:
    return ProcessesWatch(os.getpid(), journal)


def of_outputs(journal: Journal, layout: Layout) -> Watch:
    return mirroring.Mirroring(Collected())  # type: ignore[arg-type]


WATCHES = [
    (of_memory, memory, "used", lambda *_: 0),
    (of_disk, disk, "measure", measure),
    (of_processes, processes, "of_container", lambda: processes.Count(10, 100)),
    (of_outputs, Collected, "update", lambda *_: None),
]
Make = Callable[[Journal, Layout], Watch]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    for folder in (layout.work, layout.own):
        folder.mkdir(parents=True)
    return layout


@pytest.mark.parametrize(("make", "where", "name", "well"), WATCHES, ids=[one[0].__name__ for one in WATCHES])
async def test_one_that_fails_recovers(
    make: Make, where: object, name: str, well: object, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no such cgroup")

    keeper = Keeper(watch := make(journal := Journal(), layout), journal)
    monkeypatch.setattr(where, name, fails)
    assert await keeper.once() == 1
    (told,) = journal.messages()
    assert told["text"] == f"{watch.trouble}: RuntimeError: no such cgroup. Nebulab tries again."
    monkeypatch.setattr(where, name, well)
    pause = await keeper.once()
    assert pause is not None
    assert 0 < pause <= 30
    assert journal.messages() == []


@pytest.mark.parametrize("make", [of_disk, of_outputs])
async def test_one_that_hangs_in_its_thread_recovers(
    make: Make, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    where, name, well = next((where, name, well) for one, where, name, well in WATCHES if one is make)

    def hangs(*arguments: object) -> object:
        goes_on.wait(30)
        return well(*arguments)  # type: ignore[operator]

    keeper = Keeper(make(journal := Journal(), layout), journal, patience=0.05)
    monkeypatch.setattr(where, name, hangs)
    looking = asyncio.create_task(keeper.once())
    while not journal.messages():
        await asyncio.sleep(0.01)
    assert "no answer for" in str(journal.messages())
    goes_on.set()
    assert await looking
    assert journal.messages() == []


async def test_the_reason_is_told_before_the_kernel_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    """JupyterLab says at once that a kernel has died; its page then finds the reason, the advice in its beginning."""
    journal = Journal()
    told: list[str] = []
    monkeypatch.setattr(memory, "used", lambda *_: LIMIT)
    monkeypatch.setattr(memory, "largest", lambda *_: (memory.Program(1, (1,), is_kernel=True), LIMIT))
    monkeypatch.setattr(memory, "kill", lambda _: told.extend(str(entry["text"]) for entry in journal.messages()))
    await MemoryWatch(1, LIMIT, file_systems=[], journal=journal, contained=False, attended=True).look()
    (text,) = told
    assert text.index("Read the data in parts, or ask for more memory.") < 140 - 50
