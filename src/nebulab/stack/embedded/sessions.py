"""Everybody's sessions: listed in a terminal, ended in the supervisor so that Galaxy collects what they made."""

from __future__ import annotations

import asyncio
import logging
import time

from nebulab.errors import NebulabError
from nebulab.galaxy.administration import Administration
from nebulab.galaxy.settings import GalaxySettings

_OVER = {"ok", "error", "deleted", "failed", "stopped"}
_POLL_SECONDS = 0.5
_LIST_SECONDS = 5.0

log = logging.getLogger(__name__)


def listed(galaxy_url: str, admin_key: str) -> list[dict[str, str]] | None:
    """Return who has a session, since when, and which job it is; None where Galaxy does not answer in time.

    Nothing by which a session could be opened is among it.
    """
    try:
        # A stack that is just being made has no key yet.
        galaxy = Administration(GalaxySettings(galaxy_url, admin_key, patience=_LIST_SECONDS))
        with galaxy:
            points = galaxy.sessions()
    except NebulabError:
        return None
    return [
        {
            "user": str(point.get("email", "")),
            "tool": str(point.get("name", "")),
            "state": "running" if point.get("active") else "starting",
            "started": str(point.get("created_time", "")),
            "job": str(point.get("job_id", "")),
        }
        for point in points
    ]


async def end_all(galaxy_url: str, admin_key: str, *, seconds: float) -> int:
    """Stop all running interactive tools, wait at most `seconds` until their outputs are there; return how many.

    Raises
    ------
    GalaxyError, GalaxyAway
        Galaxy refused or did not answer.
    """
    galaxy = Administration(GalaxySettings(galaxy_url, admin_key, patience=seconds / 4))
    with galaxy:
        running = await asyncio.to_thread(galaxy.sessions)
        if not running:
            return 0
        log.info("ending %d sessions and collecting their outputs", len(running))
        for session in running:
            await asyncio.to_thread(galaxy.stop_session, session)
        waiting = {session["job_id"] for session in running}
        deadline = time.monotonic() + seconds
        while waiting and time.monotonic() < deadline:
            for job in tuple(waiting):
                if await asyncio.to_thread(galaxy.job_state, job) in _OVER:
                    waiting.discard(job)
            await asyncio.sleep(_POLL_SECONDS)
        if waiting:
            log.warning("%d sessions were not collected within %.0f s", len(waiting), seconds)
        return len(running)
