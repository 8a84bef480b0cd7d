"""Starts a program with a parent-death signal, so that it dies with the supervisor; a script in front of each part.

Called as `python -I -S tether.py <parent's pid> <program> <arguments…>`. It imports nothing of this project, so that it
costs milliseconds. It is a program of its own since code between fork and exec in a threaded process may deadlock.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Set SIGTERM as the parent-death signal (prctl), then execute the program."""
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit("the parent died before this program could start")
    os.execvp(program, [program, *arguments])  # noqa: S606 - no shell is meant


if __name__ == "__main__":
    main()
