"""The watch that ends an idle session, after a warning; runs in the session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from nebulab.session.ending import End
from nebulab.session.journal import Journal
from nebulab.session.watches.idle import Idleness

if TYPE_CHECKING:
    import aiohttp

_LONGEST_PAUSE_SECONDS = 15.0
_ANSWER_SECONDS = 10
Listed = Iterable[Mapping[str, Any]]


async def list_activity(client: aiohttp.ClientSession, address: str, token: str) -> tuple[Listed, Listed] | None:
    """Return JupyterLab's kernels and terminals; None where it does not answer, which a busy one may not."""
    import aiohttp

    answers = []
    try:
        for name in ("kernels", "terminals"):
            async with client.get(
                f"{address}/{name}",
                headers={"Authorization": f"token {token}"},
                timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS),
            ) as response:
                answers.append(await response.json() if response.status == 200 else [])
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
    return answers[0], answers[1]


class IdleWatch:
    """The watch on the session's idle time.

    Parameters
    ----------
    activity
        Lists JupyterLab's kernels and terminals, or None.
    is_running
        Whether JupyterLab answers yet.
    """

    trouble = "It can't be seen whether something is computed"

    def __init__(
        self,
        idle: Idleness,
        activity: Callable[[], Awaitable[tuple[Listed, Listed] | None]],
        *,
        journal: Journal,
        is_running: Callable[[], bool],
        finish: Callable[[End], None],
    ) -> None:
        self._idle = idle
        self._activity = activity
        self._journal = journal
        self._is_running = is_running
        self._finish = finish
        self._warned = False
        self.pause = min(idle.limit / 10, _LONGEST_PAUSE_SECONDS)

    async def look(self) -> float | None:
        """Look once; return the seconds until the next look, None after the end."""
        if not self._is_running():
            self._idle.extend()
            return self.pause
        activity = await self._activity()
        if activity is not None:
            self._idle.observe(*activity)
        if self._idle.remaining <= 0:
            self._journal.tell(f"No cell has run for {self._idle.limit / 60:g} minutes: the session ends.")
            self._finish(End.IDLE)
            return None
        if self._idle.ends_in is None:
            self._warned = False
        elif not self._warned:
            self._warned = True
            self._journal.tell(
                f"No cell is running: the session ends in {self._idle.remaining / 60:.0f} minutes. "
                'To keep it, run a cell or choose "Keep it running".'
            )
        return self.pause
