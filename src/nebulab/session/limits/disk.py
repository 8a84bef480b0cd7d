"""The session's disk space against its limit; runs in the session.

The user is warned before it is used up. At the limit programs that write are suspended (SIGSTOP), not killed: they are
resumed when the user has made room, and nothing is lost. JupyterLab itself is never suspended, so that notebooks can be
saved and files deleted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from nebulab.session.journal import Journal, in_words, log
from nebulab.session.layout import Layout
from nebulab.session.limits.file_systems import MAKE_ROOM, FileSystem
from nebulab.session.limits.usage import Usage, measure
from nebulab.session.limits.writers import Suspended, WriteCounter

MARKS = (0.8, 0.95, 1.0)
"""Shares of the limit at which the user is warned."""
_HYSTERESIS = 0.02
"""A warning is taken back this share of the limit below its mark."""
_ALLOWANCE_SHARE = 0.01
_ALLOWANCE = (2**20, 100 * 2**20)
"""Bytes that a program may write beyond the limit, a share of it within these bounds: a figure, or a kernel's own
history, is no reason to suspend it."""
_CALM_SECONDS = 1.0
_BUSY_SECONDS = 0.25
_WALK_SHARE = 50.0
_URGENT_WALK_SHARE = 10.0
"""Between two walks at least this many times the last one's duration passes."""
_LONGEST_SUSPENSION_SECONDS = 1800.0


class Disk:
    """The watch on the session's disk space.

    Parameters
    ----------
    limit
        Bytes, or None where there is no limit but the file system's own.
    process
        A pid; every process below it is the user's.
    attended
        Whether somebody could make room. If not, programs that write beyond the limit are killed, not suspended.
    """

    trouble = "The disk space can't be measured"

    def __init__(  # noqa: PLR0913 - each is given by name
        self,
        layout: Layout,
        limit: int | None,
        *,
        process: int,
        file_systems: Iterable[FileSystem],
        journal: Journal,
        attended: bool = True,
        longest_suspension: float = _LONGEST_SUSPENSION_SECONDS,
    ) -> None:
        self._layout = layout
        self._limit = limit
        self._process = process
        self._file_systems = file_systems
        self._journal = journal
        self._attended = attended
        self._longest_suspension = longest_suspension
        self._counter = WriteCounter(process)
        self._usage: Usage | None = None
        self._deleted: dict[tuple[int, int], int] = {}
        self._next_walk = 0.0
        self._soonest_walk = 0.0
        self._disks_used = 0
        self._disks_used_at_walk = 0
        self._level = 0
        self._suspended: list[Suspended] = []
        self._nearly_full: set[FileSystem] = set()

    @property
    def limit(self) -> int | None:
        """Bytes, or None where there is no limit but the file system's own."""
        return self._limit

    @property
    def file_systems(self) -> Iterable[FileSystem]:
        """The file systems that the session may fill."""
        return self._file_systems

    @property
    def usage(self) -> Usage | None:
        """What the last walk measured; None before it, and without a limit."""
        return self._usage

    async def look(self) -> float:
        """Look once, in a thread; return the seconds until the next look."""
        return await asyncio.to_thread(self.measure)

    def measure(self) -> float:
        """Look once, and return after how many seconds to look again."""
        file_systems = list(self._file_systems)
        for file_system in file_systems:
            self._check(file_system)
        for gone in self._nearly_full.difference(file_systems):
            self._nearly_full.remove(gone)
            self._journal.take_back(_subject(gone))
        if self._limit is None:
            return _CALM_SECONDS
        before = self._disks_used
        self._disks_used = sum(each.used() for each in file_systems if each.holds_the_work)
        if self._is_due(self._limit):
            self._walk(self._limit)
        return _BUSY_SECONDS if self._disks_used > before or self._level == len(MARKS) else _CALM_SECONDS

    def _check(self, file_system: FileSystem) -> None:
        warned = file_system in self._nearly_full
        trouble = file_system.trouble(warned=warned)
        if trouble and not warned:
            self._nearly_full.add(file_system)
            self._journal.tell_while(_subject(file_system), trouble)
        elif not trouble and warned:
            self._nearly_full.remove(file_system)
            self._journal.take_back(_subject(file_system))
            log(f"There is room in {file_system.folder} again")

    def _is_due(self, limit: int) -> bool:
        """Whether to walk: in turn, or as soon as what was written to the disk could reach the next mark.

        Beyond the last mark any change counts, also by others who use the disk: suspended programs wait for room.
        """
        now = time.monotonic()
        if self._usage is None or now >= self._next_walk:
            return True
        marks = [mark * limit - self._usage.bytes for mark in MARKS if mark * limit > self._usage.bytes]
        to_next_mark = min(marks, default=0.0)
        return now >= self._soonest_walk and abs(self._disks_used - self._disks_used_at_walk) > to_next_mark / 2

    def _walk(self, limit: int) -> None:
        before, self._disks_used_at_walk = self._usage, self._disks_used
        usage = self._usage = measure(self._layout, self._process, self._deleted)
        now = time.monotonic()
        self._soonest_walk = now + usage.seconds * _URGENT_WALK_SHARE
        self._next_walk = now + max(usage.seconds * _WALK_SHARE, _CALM_SECONDS)
        was_over = self._level == len(MARKS)
        self._tell(limit, usage)
        if self._level < len(MARKS):
            self._resume()
            return
        if not was_over:
            # Bytes written up to the limit count against nobody.
            self._counter.begin()
        elif before is None or usage.bytes > before.bytes:
            self._suspend_writers(limit, usage)
        self._kill_overdue()

    def _tell(self, limit: int, usage: Usage) -> None:
        share = usage.bytes / limit
        reached = sum(share >= mark for mark in MARKS)
        if reached < self._level and share >= MARKS[self._level - 1] - _HYSTERESIS:
            return
        if reached == self._level:
            return
        self._level = reached
        used = f"{in_words(usage.bytes)} of the session's {in_words(limit)} of disk space"
        make_room = f"{MAKE_ROOM} The largest: {usage.largest()}."
        after = "is paused until there is room" if self._attended else "is ended"
        self._journal.take_back("disk")
        if reached == len(MARKS):
            self._journal.tell_while(
                "disk", f"The disk space is used up: {used}. {make_room} What goes on writing {after}."
            )
        elif reached:
            self._journal.tell_while(
                "disk", f"{used} are used. {make_room} At the limit, what goes on writing {after}."
            )
        else:
            log(f"There is room on the disk again: {used} are used")

    def _suspend_writers(self, limit: int, usage: Usage) -> None:
        least, most = _ALLOWANCE
        allowance = min(max(limit * _ALLOWANCE_SHARE, least), most)
        suspended = {writer.program.pid for writer in self._suspended}
        for program, size in self._counter.since():
            # Without a user, the program beside the kernel is the one that writes the notebook's results.
            if size < allowance or program.pid in suspended or not (program.is_kernel or self._attended):
                continue
            writer = Suspended.suspend(program)
            title = "A kernel" if program.is_kernel else "A program"
            beyond = f"went on writing after the session's {in_words(limit)} of disk space were used up, and was"
            if not self._attended:
                writer.kill()
                self._journal.tell(
                    f"{title} {beyond} ended. Write less, or ask for more disk space. What was saved is kept. "
                    f"The largest: {usage.largest()}."
                )
                continue
            self._suspended.append(writer)
            self._journal.tell_while(
                f"suspended {program.pid}",
                f"{title} {beyond} paused. Delete files: in the file browser, in a terminal or from another notebook. "
                "It has lost nothing, and goes on by itself as soon as there is room. "
                f"The largest: {usage.largest()}. After {self._longest_suspension / 60:.0f} minutes it is ended.",
            )

    def _resume(self) -> None:
        for writer in self._suspended:
            writer.resume()
            self._journal.take_back(f"suspended {writer.program.pid}")
            log("There is room again: what was held goes on")
        self._suspended.clear()

    def _kill_overdue(self) -> None:
        """Kill programs that were suspended for too long: they keep their memory and their GPU from others."""
        for writer in list(self._suspended):
            if writer.alive and time.monotonic() - writer.since < self._longest_suspension:
                continue
            if writer.alive:
                self._journal.tell("There was no room on the disk for too long: what waited for it was ended.")
            writer.kill()
            self._journal.take_back(f"suspended {writer.program.pid}")
            self._suspended.remove(writer)


def _subject(file_system: FileSystem) -> str:
    return f"file system {file_system.folder}"
