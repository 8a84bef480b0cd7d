"""`python -m nebulab.seccomp PROGRAM …`: become a program under this machine's filter; runs in a session in Apptainer.

bubblewrap sets the filter by itself, and Docker and podman have one of their own. Where there is none for this machine,
the program runs without.
"""

from __future__ import annotations

import ctypes
import os
import sys

from nebulab import seccomp


class _Program(ctypes.Structure):
    """`struct sock_fprog` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


# linux/prctl.h and linux/seccomp.h
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_INSTRUCTION_BYTES = 8


def main() -> None:
    """Set the filter, which children inherit and nobody takes off, and execute the program.

    Raises
    ------
    OSError
        The kernel refuses the filter.
    """
    path = seccomp.filter_file()
    if path is not None:
        content = path.read_bytes()
        libc = ctypes.CDLL(None, use_errno=True)
        program = ctypes.byref(_Program(len(content) // _INSTRUCTION_BYTES, content))
        # Without the first the second is for root alone.
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program):
            raise OSError(ctypes.get_errno(), f"no seccomp filter: {os.strerror(ctypes.get_errno())}")
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the session's own command


if __name__ == "__main__":
    main()
