"""What Galaxy thinks of the session's job, asked every few seconds: the watch on it; runs in the session.

Galaxy forgets a job that runs when Galaxy itself is restarted or killed, and lets its processes run on. The session
notices here. A network that is away says nothing about the job.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TYPE_CHECKING

from nebulab.galaxy import looks
from nebulab.session.ending import End

if TYPE_CHECKING:
    import aiohttp


class Verdict(Enum):
    """What became of the job."""

    RUNNING = "running"
    LOST = "lost"
    """Galaxy holds the job for over while the session lives: nobody will collect its work."""
    STOPPED = "stopped"
    """Galaxy was asked to end the session and collects its work."""
    DELETED = "deleted"
    """The user deleted the job, and with it what it made."""
    UNKNOWN = "unknown"
    """Galaxy is away, or answers nothing that tells."""


_VERDICTS = {
    "new": Verdict.RUNNING,
    "waiting": Verdict.RUNNING,
    "queued": Verdict.RUNNING,
    "running": Verdict.RUNNING,
    "upload": Verdict.RUNNING,
    "resubmitted": Verdict.RUNNING,
    "stop": Verdict.STOPPED,
    "stopped": Verdict.STOPPED,
    "deleting": Verdict.DELETED,
    "deleted": Verdict.DELETED,
    "deleted_new": Verdict.DELETED,
    "ok": Verdict.LOST,
    "error": Verdict.LOST,
    "failed": Verdict.LOST,
    "paused": Verdict.LOST,
}
_SURE = 2
"""So many times in a row Galaxy must hold the job for lost."""
_LONGEST_ABSENCE_SECONDS = 3600.0


def judge(state: str | None) -> Verdict:
    """Read a job's state, None where Galaxy told none."""
    return _VERDICTS.get(state or "", Verdict.UNKNOWN)


async def ask(client: aiohttp.ClientSession, galaxy_url: str, job_id: str, key: str) -> Verdict:
    """Ask Galaxy once; trouble on the way is `UNKNOWN`, never an error."""
    return judge(await looks.job_state(client, galaxy_url, job_id, key))


class JobWatch:
    """Ends the session when Galaxy has ended its job, or tells once that Galaxy has lost it.

    Parameters
    ----------
    ask
        Asks Galaxy once.
    lost
        Called once when Galaxy has lost track of the job.
    """

    trouble = "Galaxy can't be asked about this session"

    def __init__(
        self,
        ask: Callable[[], Awaitable[Verdict]],
        seconds: float,
        *,
        finish: Callable[[End], None],
        lost: Callable[[], Awaitable[None]],
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._finish = finish
        self._on_lost = lost
        self._times_lost = 0
        self._is_over = False
        self.is_lost = False

    async def look(self) -> float | None:
        """Ask once; return the seconds until the next time, None once the session is over."""
        if self._is_over:
            return None
        verdict = await self._ask()
        # Twice: between Galaxy's SIGTERM and our hearing of it a job may look over.
        self._times_lost = self._times_lost + 1 if verdict is Verdict.LOST else 0
        if verdict is Verdict.DELETED:
            self._finish(End.DELETED)
        elif verdict is Verdict.STOPPED:
            self._finish(End.STOPPED)
        elif self._times_lost >= _SURE and not self.is_lost:
            self.is_lost = True
            await self._on_lost()
        return self._seconds

    async def outlast(self, away: Callable[[], None]) -> None:
        """At the session's end, where Galaxy is away, wait for it: one that is restarted forgets the job.

        `away` is called once if it is; afterwards `is_lost` tells whether Galaxy has lost the job.
        """
        self._is_over = True
        deadline = time.monotonic() + _LONGEST_ABSENCE_SECONDS
        was_away = False
        while not self.is_lost and time.monotonic() < deadline:
            verdict = await self._ask()
            self._times_lost = self._times_lost + 1 if verdict is Verdict.LOST else 0
            self.is_lost = self._times_lost >= _SURE
            if verdict is Verdict.UNKNOWN and not was_away:
                was_away = True
                away()
            elif verdict not in {Verdict.UNKNOWN, Verdict.LOST}:
                return
            await asyncio.sleep(self._seconds)
