"""Outlives a supervisor that was killed, and ends what it left behind; runs as a process beside the supervisor.

The supervisor holds the other end of a pipe. The kernel closes it however the supervisor dies; if no word of farewell
came before, everything that carries the stack's id is ended, sessions included, which then save their work.
"""

from __future__ import annotations

import os
import signal
import sys

from nebulab.stack.running import processes

FAREWELL = b"."
_GRACE_SECONDS = 15


def main() -> None:
    """Wait for the supervisor's end; called with the pipe's descriptor and the stack's id."""
    pipe, stack_id = int(sys.argv[1]), sys.argv[2]
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    if os.read(pipe, 1) != FAREWELL:
        processes.end_all(stack_id, grace=_GRACE_SECONDS)


if __name__ == "__main__":
    main()
