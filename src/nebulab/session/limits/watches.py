"""Looks after the limits of a session, and tells its user what happens at them; runs in the session."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING

from nebulab.session.limits import disk, file_systems, memory, processes
from nebulab.session.limits.usage import in_words

if TYPE_CHECKING:
    from nebulab.session.limits.file_systems import Room
    from nebulab.session.prepared import Prepared

_SECONDS = 1.0
_LOOKS = 4
_WORTH_A_WORD = 0.1


def watches(prepared: Prepared, process: int) -> Iterable[Coroutine[None, None, None]]:
    """Return what watches, each without end: memory, disk and processes of all that runs below `process`."""
    found = file_systems.rooms(prepared.settings.layout, prepared.isolation)
    if prepared.settings.memory_mb is not None:
        yield _watch_memory(prepared, process, prepared.settings.memory_mb * 2**20, found)
    yield _watch_disk(prepared, process, found)
    if prepared.isolation == "container":
        yield _watch_processes(prepared, process)


async def _watch_memory(prepared: Prepared, process: int, limit: int, found: Iterable[Room]) -> None:
    contained = prepared.isolation == "container"
    known = memory.ended_by_system()
    while True:
        await asyncio.sleep(_SECONDS)
        if contained and (ended := memory.ended_by_system()) > known:
            known = ended
            prepared.journal.tell(
                f"The session used all of its {limit / 2**30:.1f} GB of memory, and the system ended a kernel or a "
                f"program. What was saved is kept. {_files_in_memory(found, limit)}"
                "Read the data in parts, or ask for more memory."
            )
        # What lies in a container's /tmp is memory too, and no process's.
        used = memory.of_container() if contained else None
        if used is None:
            used = memory.used(os.getpid(), limit)
        if used < limit * memory.ENOUGH:
            continue
        # A process that is being copied keeps who asks for its memory waiting.
        hog = await asyncio.to_thread(memory.largest, process)
        if hog is None:
            continue
        memory.end(hog)
        what = "A kernel" if hog.is_kernel else "A program"
        after = "JupyterLab starts it again" if hog.is_kernel else "The session goes on"
        if prepared.request.run_it:
            after = "The notebook fails"
        prepared.journal.tell(
            f"{what} used {hog.bytes / 2**30:.1f} GB of the session's {limit / 2**30:.1f} GB and was ended. "
            f"{after}; what was saved is kept. {_files_in_memory(found, limit)}"
            "Read the data in parts, or ask for more memory."
        )


def _files_in_memory(found: Iterable[Room], limit: int) -> str:
    """Say which folders take a part of the memory that is worth a word."""
    sizes = {room.place: room.used() for room in file_systems.in_memory(found)}
    told = [f"{place} ({in_words(size)})" for place, size in sizes.items() if size > limit * _WORTH_A_WORD]
    return f"Files in memory take a part of it, and you may delete them: {', '.join(told)}. " if told else ""


async def _watch_disk(prepared: Prepared, process: int, found: list[Room]) -> None:
    limit = prepared.settings.disk_mb
    watch = disk.Disk(
        prepared.settings.layout,
        None if limit is None else limit * 2**20,
        process=process,
        rooms=found,
        journal=prepared.journal,
        attended=not prepared.request.run_it,
    )
    while True:
        pause = await asyncio.to_thread(watch.look)
        await asyncio.sleep(pause)


async def _watch_processes(prepared: Prepared, process: int) -> None:
    looks = 0
    while True:
        await asyncio.sleep(_SECONDS)
        count = processes.of_container()
        if count is None:
            return
        if count.running < count.most * processes.ENOUGH:
            looks = 0
            if count.running < count.most * processes.FEW:
                prepared.journal.take_back("processes")
            continue
        prepared.journal.tell_while(
            "processes",
            f"The session runs {count.running} of the {count.most} processes and threads that it may have, and can "
            "hardly start another: kernels, terminals and programs fail. Restart the kernel that started them.",
        )
        looks += 1
        # Not at once: who starts many workers ends soon, one way or the other.
        crowd = await asyncio.to_thread(processes.largest, process) if looks >= _LOOKS else None
        if crowd is not None and crowd.size >= count.most * processes.CROWD:
            crowd.end()
            prepared.journal.tell(
                f"A kernel or a program had started {crowd.size} of the {count.most} processes that the session may "
                "have, and was ended with them. What was saved is kept. Start fewer at a time."
            )
