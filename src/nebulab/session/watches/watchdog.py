"""The watch on the state of the session's job in Galaxy, which is polled every few seconds; runs in the session.

A Galaxy that is restarted or killed loses track of a running job and lets its processes run on. The session notices
here. A network failure says nothing about the job.
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
    """The state of the job as far as it concerns the session."""

    RUNNING = "running"
    LOST = "lost"
    """Galaxy considers the job finished although the session still runs: nobody will collect its outputs."""
    STOPPED = "stopped"
    """Galaxy was asked to end the session and collects its outputs."""
    DELETED = "deleted"
    """The user deleted the job, and its outputs with it."""
    UNKNOWN = "unknown"
    """Galaxy does not answer, or not with a job's state."""


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
"""Number of LOST verdicts in a row that are believed."""
_LONGEST_ABSENCE_SECONDS = 3600.0


def judge(state: str | None) -> Verdict:
    """Read a job's state, None where Galaxy told none."""
    return _VERDICTS.get(state or "", Verdict.UNKNOWN)


async def ask(client: aiohttp.ClientSession, galaxy_url: str, job_id: str, key: str) -> Verdict:
    """Ask Galaxy once; trouble on the way is `UNKNOWN`, never an error."""
    return judge(await looks.job_state(client, galaxy_url, job_id, key))


class JobWatch:
    """Ends the session when Galaxy has ended its job, or reports once that Galaxy has lost it.

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
        # More than one: a job looks finished between Galaxy's SIGTERM and our receiving it.
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
        """Wait at the session's end until Galaxy answers: after a restart it may have lost the job.

        `away` is called once if it does not answer at first; afterwards `is_lost` tells whether it has lost the job.
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
