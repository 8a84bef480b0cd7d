"""The watch on the processes and threads of a session in a container; runs in the session."""

from __future__ import annotations

import asyncio

from nebulab.session.journal import Journal
from nebulab.session.limits import processes

_SECONDS = 1.0
_LOOKS = 4
_SUBJECT = "processes"


class ProcessesWatch:
    """Warns when the limit is near, and then kills a process group that has most of the processes.

    Parameters
    ----------
    process
        A pid; every process below it is the user's.
    """

    trouble = "The processes can't be counted"

    def __init__(self, process: int, journal: Journal) -> None:
        self._process = process
        self._journal = journal
        self._looks = 0

    async def look(self) -> float | None:
        """Look once; return the seconds until the next look, None if there is no count."""
        count = processes.of_container()
        if count is None:
            return None
        if count.running < count.most * processes.WARN_SHARE:
            self._looks = 0
            if count.running < count.most * processes.CLEAR_SHARE:
                self._journal.take_back(_SUBJECT)
            return _SECONDS
        self._journal.tell_while(
            _SUBJECT,
            f"The session runs {count.running} of the {count.most} processes and threads that it may have. Restart the "
            "kernel that started them: otherwise new kernels, terminals and programs fail.",
        )
        self._looks += 1
        # Not at once: many workers that were started together often end soon by themselves.
        group = await asyncio.to_thread(processes.largest, self._process) if self._looks >= _LOOKS else None
        if group is not None and group.size >= count.most * processes.KILL_SHARE:
            group.kill()
            self._journal.tell(
                f"A kernel or a program had started {group.size} of the {count.most} processes that the session may "
                "have, and was ended with them. Start fewer at a time. What was saved is kept."
            )
        return _SECONDS
