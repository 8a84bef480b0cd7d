"""The watch on the session's memory, which acts before the system kills the whole job; runs in the session."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable

from nebulab.session.journal import Journal, in_words
from nebulab.session.limits import file_systems, memory
from nebulab.session.limits.file_systems import FileSystem

_SECONDS = 1.0
_ADVICE = "Read the data in parts, or ask for more memory."
"""Early in a message: the Lab shows its beginning alone until the user asks for all of it."""
_NAMED_SHARE = 0.1
"""Share of the limit from which on a folder in memory is named."""


class MemoryWatch:
    """Kills the kernel or program that uses most memory, shortly before the limit.

    Parameters
    ----------
    process
        A pid; every process below it is the user's.
    limit
        Bytes.
    contained
        Whether the session has a container, and so a control group, to itself.
    attended
        Whether somebody sees a kernel start again.
    """

    trouble = "The memory can't be measured"

    def __init__(
        self,
        process: int,
        limit: int,
        *,
        file_systems: Iterable[FileSystem],
        journal: Journal,
        contained: bool,
        attended: bool,
    ) -> None:
        self._process = process
        self._limit = limit
        self._file_systems = file_systems
        self._journal = journal
        self._contained = contained
        self._attended = attended
        self._killed_by_system = memory.killed_by_system()

    async def look(self) -> float:
        """Look once; return the seconds until the next look."""
        if self._contained and (killed := memory.killed_by_system()) > self._killed_by_system:
            self._killed_by_system = killed
            self._journal.tell(
                f"The session used all of its {self._limit / 2**30:.1f} GB of memory: a kernel or a program was ended. "
                f"{_ADVICE} What was saved is kept. {self._files_in_memory()}".rstrip()
            )
        # Files in a container's /tmp are memory too, and no process's.
        used = memory.of_container() if self._contained else None
        if used is None:
            files = sum(each.used() for each in file_systems.in_memory(self._file_systems))
            used = memory.used(os.getpid(), self._limit, files)
        if used >= self._limit * memory.KILL_SHARE:
            await self._kill_largest()
        return _SECONDS

    async def _kill_largest(self) -> None:
        # In a thread: reading smaps_rollup blocks while the process forks.
        largest = await asyncio.to_thread(memory.largest, self._process)
        if largest is None:
            return
        program, size = largest
        title = "A kernel" if program.is_kernel else "A program"
        after = "JupyterLab starts it again" if program.is_kernel else "The session goes on"
        if not self._attended:
            after = "The notebook fails"
        self._journal.tell(
            f"{title} used {size / 2**30:.1f} GB of the session's {self._limit / 2**30:.1f} GB and was ended. "
            f"{_ADVICE} {after}; what was saved is kept. {self._files_in_memory()}".rstrip()
        )
        # Told first: JupyterLab says at once that the kernel has died, and its user asks why.
        memory.kill(program)

    def _files_in_memory(self) -> str:
        """Return a sentence that names the folders in memory that take much of it, or nothing."""
        sizes = {each.folder: each.used() for each in file_systems.in_memory(self._file_systems)}
        named = [f"{folder} ({in_words(size)})" for folder, size in sizes.items() if size > self._limit * _NAMED_SHARE]
        return f"Files in memory take a part of it, and you may delete them: {', '.join(named)}. " if named else ""
