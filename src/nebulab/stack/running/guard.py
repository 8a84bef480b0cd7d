"""The guard: terminates a stack's processes if its supervisor is killed; runs as a process beside the supervisor.

It reads a pipe, whose other end the supervisor alone holds. EOF without FAREWELL means that the supervisor was killed:
every process that carries the stack's id is then terminated, sessions included, which save their work.
"""

from __future__ import annotations

import os
import signal
import sys

from nebulab.stack.running import processes

FAREWELL = b"."
_GRACE_SECONDS = 15


def main() -> None:
    """Wait for FAREWELL or EOF; called with the pipe's file descriptor and the stack's id."""
    pipe, stack_id = int(sys.argv[1]), sys.argv[2]
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    if os.read(pipe, 1) != FAREWELL:
        processes.end_all(stack_id, grace=_GRACE_SECONDS)


if __name__ == "__main__":
    main()
