"""The tests' browser can't hear of network interfaces, and reaches all else."""

from __future__ import annotations

import subprocess
import sys

from support import without_netlink

_PROGRAM = """
import socket
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):
    try:
        socket.socket(family, socket.SOCK_RAW if family == socket.AF_NETLINK else socket.SOCK_STREAM).close()
        print("open")
    except OSError as error:
        print(error.strerror)
"""


def test_only_sockets_of_netlink_are_refused() -> None:
    words = [sys.executable, without_netlink.__file__, sys.executable, "-c", _PROGRAM]
    finished = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert finished.stdout.splitlines() == ["open"] * 3 + ["Address family not supported by protocol"]
