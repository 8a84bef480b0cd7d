"""A relay before a real server that cuts connections after so many bytes, for tests of what survives that."""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlsplit


class CuttingRelay:
    """Passes bytes both ways between a loopback port and the server at `url`.

    `down` and `up` hold numbers of bytes: the connections that first carry so many from the server, or to it, are cut,
    one for each number.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "localhost", parts.port or 80)
        self.down: list[int] = []
        self.up: list[int] = []
        self.cut = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            for source, sink, limits in ((client, server, self.up), (server, client, self.down)):
                threading.Thread(target=self._pass, args=(source, sink, limits), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, limits: list[int]) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                passed += len(data)
                with self._lock:
                    cut = bool(limits) and passed >= limits[0]
                    if cut:
                        limits.pop(0)
                        self.cut += 1
                if cut:
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
