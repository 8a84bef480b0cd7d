"""`without_netlink.py PROGRAM …`: become a program that can't hear of this machine's network interfaces.

Chromium ends what it loads with ERR_NETWORK_CHANGED when any interface comes or goes: as each container that another
test starts has one, pages would fail by chance. Without a netlink socket it takes the network as it is.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import sys

# linux/audit.h and asm/unistd.h: the processor, and its number of the call `socket`.
_SOCKET_CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
# linux/bpf_common.h: load a word, jump if equal, return.
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
# linux/seccomp.h
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2


class _Program(ctypes.Structure):
    """`struct sock_fprog` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _filter(architecture: int, number: int) -> list[tuple[int, int, int, int]]:
    return [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_IF_EQUAL, 0, 4, architecture),
        (_LOAD, 0, 0, _NUMBER),
        (_IF_EQUAL, 0, 2, number),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_IF_EQUAL, 1, 0, socket.AF_NETLINK),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT),
    ]


def main() -> None:
    """Refuse the socket, which children inherit, and execute the program; on other processors only the latter."""
    call = _SOCKET_CALLS.get(platform.machine())
    if call is not None:
        instructions = _filter(*call)
        content = b"".join(struct.pack("=HBBI", *each) for each in instructions)
        libc = ctypes.CDLL(None, use_errno=True)
        program = ctypes.byref(_Program(len(instructions), content))
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program):
            raise OSError(ctypes.get_errno(), f"no seccomp filter: {os.strerror(ctypes.get_errno())}")
    os.execv(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
