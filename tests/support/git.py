"""A real Git server on loopback."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, env={"PATH": os.environ["PATH"]}
    )


@contextmanager
def serve(folder: Path, login: str = "") -> Iterator[str]:
    """Serve a small repository: `/open/thing.git` for everybody, while `/private/…` asks for a password.

    With `login`, as `name:password`, `/private/thing.git` is the same for who gives it, who may push to it as well.

    It has a notebook on `main`, the tag `v1` there, and one more file on the branch `wip/two`.
    """
    source = folder / "source"
    source.mkdir()
    git(source, "init")
    (source / "analysis.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    git(source, "add", ".")
    git(source, "commit", "-m", "first")
    git(source, "tag", "v1")
    git(source, "checkout", "-b", "wip/two")
    (source / "two.txt").write_text("two")
    git(source, "add", ".")
    git(source, "commit", "-m", "second")
    git(source, "checkout", "main")
    bare = folder / "served" / "open" / "thing.git"
    bare.parent.mkdir(parents=True)
    (folder / "served" / "private").symlink_to("open")
    known = f"Basic {base64.b64encode(login.encode()).decode()}" if login else ""
    git(folder, "clone", "--bare", str(source), str(bare))

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            address = urlsplit(self.path)
            is_known = bool(known) and self.headers.get("Authorization") == known
            if address.path.startswith("/private") and not is_known:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="private"')
                self.end_headers()
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            done = subprocess.run(
                ["git", "http-backend"],
                input=body,
                capture_output=True,
                env={
                    "PATH": os.environ["PATH"],
                    "GIT_PROJECT_ROOT": str(folder / "served"),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "PATH_INFO": address.path,
                    "QUERY_STRING": address.query,
                    "REQUEST_METHOD": self.command,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    **({"REMOTE_USER": login.partition(":")[0]} if is_known else {}),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                },
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = handle_one

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
