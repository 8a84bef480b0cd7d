"""The processes and threads of a session in a container, looked at every second; runs in the session."""

from __future__ import annotations

import asyncio

from nebulab.session.journal import Journal
from nebulab.session.limits import processes

_SECONDS = 1.0
_LOOKS = 4
_SUBJECT = "processes"


class ProcessesWatch:
    """Tells when they are nearly used up, and kills the group that has started most of them.

    Parameters
    ----------
    process
        Everything below it is the user's.
    """

    trouble = "The processes can't be counted"

    def __init__(self, process: int, journal: Journal) -> None:
        self._process = process
        self._journal = journal
        self._looks = 0

    async def look(self) -> float | None:
        """Look once; return the seconds until the next look, None where no count is to be seen."""
        count = processes.of_container()
        if count is None:
            return None
        if count.running < count.most * processes.ENOUGH:
            self._looks = 0
            if count.running < count.most * processes.FEW:
                self._journal.take_back(_SUBJECT)
            return _SECONDS
        self._journal.tell_while(
            _SUBJECT,
            f"The session runs {count.running} of the {count.most} processes and threads that it may have, and can "
            "hardly start another: kernels, terminals and programs fail. Restart the kernel that started them.",
        )
        self._looks += 1
        # Not at once: who starts many workers ends soon, one way or the other.
        crowd = await asyncio.to_thread(processes.largest, self._process) if self._looks >= _LOOKS else None
        if crowd is not None and crowd.size >= count.most * processes.CROWD:
            crowd.end()
            self._journal.tell(
                f"A kernel or a program had started {crowd.size} of the {count.most} processes that the session may "
                "have, and was ended with them. What was saved is kept. Start fewer at a time."
            )
        return _SECONDS
