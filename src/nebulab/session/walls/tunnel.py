"""ssh's ProxyCommand through the egress proxy; runs in a container without network, as
`python -m nebulab.session.walls.tunnel SOCKET HOST PORT`.
"""

from __future__ import annotations

import os
import socket
import sys
import threading

_CHUNK = 64 * 1024
_LONGEST_HEAD = 64 * 1024


def main() -> int:
    """Connect, then copy bytes both ways until the other end has closed."""
    path, host, port = sys.argv[1:]
    host = f"[{host}]" if ":" in host else host
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as proxy:
        proxy.connect(path)
        proxy.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode("ascii"))
        head = b""
        # Byte by byte: what follows the head belongs to ssh.
        while not head.endswith(b"\r\n\r\n"):
            byte = proxy.recv(1)
            if not byte or len(head) > _LONGEST_HEAD:
                break
            head += byte
        first = head.split(b"\r\n", 1)[0].decode("utf-8", "replace")
        if first.split(" ")[1:2] != ["200"]:
            print(f"nebulab: {first.partition(' ')[2] or 'the way out is closed'}", file=sys.stderr)
            return 1
        threading.Thread(target=_send, args=(proxy,), daemon=True).start()
        while chunk := proxy.recv(_CHUNK):
            _write(chunk)
    return 0


def _send(proxy: socket.socket) -> None:
    try:
        while chunk := os.read(0, _CHUNK):
            proxy.sendall(chunk)
        proxy.shutdown(socket.SHUT_WR)
    except OSError:
        return


def _write(chunk: bytes) -> None:
    while chunk:
        chunk = chunk[os.write(1, chunk) :]


if __name__ == "__main__":
    sys.exit(main())
