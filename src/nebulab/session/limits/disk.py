"""The session's disk space against its limit; runs in the session.

Told before it is used up. At the limit what writes is held, not ended: it goes on when its user has made room, and
nothing is lost. JupyterLab itself is never held, so that notebooks can be saved and files deleted.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence

from nebulab.session.journal import Journal, log
from nebulab.session.layout import Layout
from nebulab.session.limits.file_systems import MAKE_ROOM, Room
from nebulab.session.limits.usage import Usage, in_words, measure
from nebulab.session.limits.writers import Held, Written

MARKS = (0.8, 0.95, 1.0)
"""Shares of the limit at which the user is told."""
_BACK = 0.02
"""A message is taken back this share of the limit below its mark."""
_ALLOWANCE_SHARE = 0.01
_ALLOWANCE = (2**20, 100 * 2**20)
"""What a program may write beyond the limit, a share of it within these bounds: a figure, or a kernel's own history,
must not hold it."""
_CALM_SECONDS = 1.0
_BUSY_SECONDS = 0.25
_WALK_SHARE = 50.0
_URGENT_WALK_SHARE = 10.0
"""A walk may take one part in so many of the time."""
_LONGEST_HOLD_SECONDS = 1800.0


class Disk:
    """The watch on it.

    Parameters
    ----------
    limit
        Bytes, or None where there is no limit but the file system's own.
    process
        Everything below it is the user's.
    attended
        Whether somebody could make room. If not, what writes beyond the limit is ended, not held.
    """

    trouble = "The disk space can't be measured"

    def __init__(  # noqa: PLR0913 - what is measured and what may be done about it, by name
        self,
        layout: Layout,
        limit: int | None,
        *,
        process: int,
        rooms: Sequence[Room],
        journal: Journal,
        attended: bool = True,
        longest_hold: float = _LONGEST_HOLD_SECONDS,
    ) -> None:
        self._layout = layout
        self._limit = limit
        self._process = process
        self._rooms = rooms
        self._journal = journal
        self._attended = attended
        self._longest_hold = longest_hold
        self._written = Written(process)
        self._usage: Usage | None = None
        self._next_walk = 0.0
        self._soonest_walk = 0.0
        self._on_disks = 0
        self._on_disks_then = 0
        self._level = 0
        self._held: list[Held] = []
        self._short: set[Room] = set()

    async def look(self) -> float:
        """Look once, in a thread; return the seconds until the next look."""
        return await asyncio.to_thread(self.measure)

    def measure(self) -> float:
        """Look once, and return after how many seconds to look again."""
        for room in self._rooms:
            self._look_at(room)
        if self._limit is None:
            return _CALM_SECONDS
        before, self._on_disks = self._on_disks, sum(room.used() for room in self._rooms if room.holds_the_work)
        if self._is_due(self._limit):
            self._walk(self._limit)
        return _BUSY_SECONDS if self._on_disks > before or self._level == len(MARKS) else _CALM_SECONDS

    def _look_at(self, room: Room) -> None:
        trouble = room.trouble(told=room in self._short)
        if trouble and room not in self._short:
            self._short.add(room)
            self._journal.tell_while(f"room {room.place}", trouble)
        elif not trouble and room in self._short:
            self._short.remove(room)
            self._journal.take_back(f"room {room.place}")
            log(f"There is room in {room.place} again")

    def _is_due(self, limit: int) -> bool:
        """Whether to walk: in turn, or as soon as what was written to the disk could reach the next mark.

        Beyond the last one any change counts, also by others who use the disk: what was held waits for room.
        """
        now = time.monotonic()
        if self._usage is None or now >= self._next_walk:
            return True
        marks = [mark * limit - self._usage.bytes for mark in MARKS if mark * limit > self._usage.bytes]
        room = min(marks, default=0.0)
        return now >= self._soonest_walk and abs(self._on_disks - self._on_disks_then) > room / 2

    def _walk(self, limit: int) -> None:
        before, self._on_disks_then = self._usage, self._on_disks
        usage = self._usage = measure(self._layout, self._process)
        now = time.monotonic()
        self._soonest_walk = now + usage.seconds * _URGENT_WALK_SHARE
        self._next_walk = now + max(usage.seconds * _WALK_SHARE, _CALM_SECONDS)
        was_over = self._level == len(MARKS)
        self._tell(limit, usage)
        if self._level < len(MARKS):
            self._let_go()
            return
        if not was_over:
            # Who has written until now is not who writes beyond the limit.
            self._written.begin()
        elif before is None or usage.bytes > before.bytes:
            self._stop_writers(limit, usage)
        self._end_forgotten()

    def _tell(self, limit: int, usage: Usage) -> None:
        share = usage.bytes / limit
        reached = sum(share >= mark for mark in MARKS)
        if reached < self._level and share >= MARKS[self._level - 1] - _BACK:
            return
        if reached == self._level:
            return
        self._level = reached
        used = f"{in_words(usage.bytes)} of the session's {in_words(limit)} of disk space"
        make_room = f"The largest: {usage.largest()}. {MAKE_ROOM}"
        after = "is held until there is room" if self._attended else "is ended"
        self._journal.take_back("disk")
        if reached == len(MARKS):
            self._journal.tell_while("disk", f"The disk space is used up: {used}. What writes on {after}. {make_room}")
        elif reached:
            self._journal.tell_while("disk", f"{used} are used, and at the limit what writes {after}. {make_room}")
        else:
            log(f"There is room on the disk again: {used} are used")

    def _stop_writers(self, limit: int, usage: Usage) -> None:
        least, most = _ALLOWANCE
        allowance = min(max(limit * _ALLOWANCE_SHARE, least), most)
        held = {one.program.pid for one in self._held}
        for program, size in self._written.since():
            # Beside the kernel of a notebook that runs by itself is what writes down its results.
            if size < allowance or program.pid in held or not (program.is_kernel or self._attended):
                continue
            stopped = Held.hold(program)
            what = "A kernel" if program.is_kernel else "A program"
            beyond = f"wrote on when {in_words(limit)} of disk space, the session's limit, were used up, and was"
            if not self._attended:
                stopped.release(signal.SIGKILL)
                self._journal.tell(
                    f"{what} {beyond} ended. What was saved is kept. The largest: {usage.largest()}. "
                    "Write less, or ask for more disk space."
                )
                continue
            self._held.append(stopped)
            self._journal.tell_while(
                f"held {program.pid}",
                f"{what} {beyond} stopped. It has lost nothing, and goes on by itself when there is room: delete "
                "files in the file browser, in a terminal or from another notebook. "
                f"The largest: {usage.largest()}. After {self._longest_hold / 60:.0f} minutes it is ended.",
            )

    def _let_go(self) -> None:
        for one in self._held:
            one.release()
            self._journal.take_back(f"held {one.program.pid}")
            log("There is room again: what was held goes on")
        self._held.clear()

    def _end_forgotten(self) -> None:
        """End what is held for too long: it keeps its memory and its GPU from others."""
        for one in list(self._held):
            if one.alive and time.monotonic() - one.since < self._longest_hold:
                continue
            if one.alive:
                self._journal.tell("There was no room on the disk for too long: what waited for it was ended.")
            one.release(signal.SIGKILL)
            self._journal.take_back(f"held {one.program.pid}")
            self._held.remove(one)
