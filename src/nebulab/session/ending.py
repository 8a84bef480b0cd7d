"""The reasons for which a session ends; runs in the session."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class End(Enum):
    """The reason for which a session ends, in the words that its user reads."""

    STOPPED = "stopped by Galaxy or by its user"
    SHUT_DOWN = "shut down in JupyterLab"
    DIED = "JupyterLab ended on its own"
    IDLE = "nothing was computed for too long"
    GPU_IDLE = "the GPU computed nothing for too long"
    HOURS = "the GPU hours are used up"
    LOST = "Galaxy lost track of the job"
    DELETED = "the job was deleted"
    FAILED = "JupyterLab did not start"
    EXECUTED = "the notebook was executed"
    NOT_EXECUTED = "the notebook failed"


GALAXY_KNOWS = frozenset({End.STOPPED, End.LOST, End.DELETED})
"""Ends that Galaxy caused or knows of."""
FAILURES = frozenset({End.DIED, End.FAILED, End.NOT_EXECUTED})


class Soon(NamedTuple):
    """An end of which the user is warned; the soonest of several is the smallest."""

    seconds: float
    why: str
    """`idle`, `gpu` or `hours`."""
    can_keep: bool
    """Whether asking for more time helps."""
