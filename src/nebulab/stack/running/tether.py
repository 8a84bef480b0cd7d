"""Starts a program that dies with its parent; runs as a script between the supervisor and each part.

Called as `python -I -S tether.py <parent's pid> <program> <arguments…>`. It imports nothing of this project, so that it
costs milliseconds, and it is a program of its own since code between fork and exec in a threaded process may hang.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for SIGTERM when the parent dies, then become the program."""
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit("the parent died before this program could start")
    os.execvp(program, [program, *arguments])  # noqa: S606 - no shell is meant


if __name__ == "__main__":
    main()
