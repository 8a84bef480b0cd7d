"""What Galaxy thinks of the session's job, asked every few seconds; runs in the session.

Galaxy forgets a job that runs when Galaxy itself is restarted or killed, and lets its processes run on. The session
notices here. A network that is away says nothing about the job.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

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
_ASK_SECONDS = 20


def judge(status: int, answer: Any) -> Verdict:
    """Read Galaxy's answer to `GET /api/jobs/{id}`."""
    if status != 200 or not isinstance(answer, dict):
        return Verdict.UNKNOWN
    return _VERDICTS.get(str(answer.get("state")), Verdict.UNKNOWN)


async def ask(client: aiohttp.ClientSession, galaxy_url: str, job_id: str, key: str) -> Verdict:
    """Ask Galaxy once; trouble on the way is `UNKNOWN`, never an error."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=_ASK_SECONDS)
    try:
        async with client.get(
            f"{galaxy_url}/api/jobs/{job_id}", headers={"x-api-key": key}, timeout=timeout, allow_redirects=False
        ) as response:
            return judge(response.status, await response.json(content_type=None))
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return Verdict.UNKNOWN
