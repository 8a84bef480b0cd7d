"""Stops the running sessions of all users so that Galaxy collects their outputs; runs in the supervisor."""

from __future__ import annotations

import asyncio
import logging
import time

from nebulab.galaxy.administration import Administration
from nebulab.galaxy.settings import GalaxySettings

_OVER = {"ok", "error", "deleted", "failed", "stopped"}
_POLL_SECONDS = 0.5

log = logging.getLogger(__name__)


async def end_all(galaxy_url: str, admin_key: str, *, seconds: float) -> int:
    """Stop all running interactive tools, wait at most `seconds` for their outputs, and return their number.

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
