"""The session's memory, looked at every second, so that the system has no reason to end the whole job; runs in the
session."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from nebulab.session.journal import Journal
from nebulab.session.limits import file_systems, memory
from nebulab.session.limits.file_systems import Room
from nebulab.session.limits.usage import in_words

_SECONDS = 1.0
_WORTH_A_WORD = 0.1


class MemoryWatch:
    """Kills the kernel or program that holds the most, shortly before the limit.

    Parameters
    ----------
    process
        Everything below it is the user's.
    limit
        Bytes.
    contained
        Whether the session has a container, and so a control group, to itself.
    attended
        Whether somebody sees a kernel start again.
    """

    trouble = "The memory can't be measured"

    def __init__(
        self, process: int, limit: int, *, rooms: Sequence[Room], journal: Journal, contained: bool, attended: bool
    ) -> None:
        self._process = process
        self._limit = limit
        self._rooms = rooms
        self._journal = journal
        self._contained = contained
        self._attended = attended
        self._known = memory.ended_by_system()

    async def look(self) -> float:
        """Look once; return the seconds until the next look."""
        if self._contained and (ended := memory.ended_by_system()) > self._known:
            self._known = ended
            self._journal.tell(
                f"The session used all of its {self._limit / 2**30:.1f} GB of memory, and the system ended a kernel or "
                f"a program. What was saved is kept. {self._files_in_memory()}"
                "Read the data in parts, or ask for more memory."
            )
        # What lies in a container's /tmp is memory too, and no process's.
        used = memory.of_container() if self._contained else None
        if used is None:
            used = memory.used(os.getpid(), self._limit)
        if used >= self._limit * memory.ENOUGH:
            await self._end_largest()
        return _SECONDS

    async def _end_largest(self) -> None:
        # A process that is being copied keeps who asks for its memory waiting.
        hog = await asyncio.to_thread(memory.largest, self._process)
        if hog is None:
            return
        memory.end(hog)
        what = "A kernel" if hog.is_kernel else "A program"
        after = "JupyterLab starts it again" if hog.is_kernel else "The session goes on"
        if not self._attended:
            after = "The notebook fails"
        self._journal.tell(
            f"{what} used {hog.bytes / 2**30:.1f} GB of the session's {self._limit / 2**30:.1f} GB and was ended. "
            f"{after}; what was saved is kept. {self._files_in_memory()}"
            "Read the data in parts, or ask for more memory."
        )

    def _files_in_memory(self) -> str:
        """Say which folders take a part of the memory that is worth a word."""
        sizes = {room.place: room.used() for room in file_systems.in_memory(self._rooms)}
        told = [f"{place} ({in_words(size)})" for place, size in sizes.items() if size > self._limit * _WORTH_A_WORD]
        return f"Files in memory take a part of it, and you may delete them: {', '.join(told)}. " if told else ""
