"""JupyterLab as a session starts it, without a session around it: a broker of the test's own answers for it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from nebulab import contract
from nebulab.session.kernels import overlay
from nebulab.session.lab import config
from nebulab.session.lab.environment import WITHOUT_INTERNET

BROKER_TOKEN = "a-token-of-this-session"
TOKEN = "5ecre7" * 5


@dataclass
class StandInBroker:
    """Answers `/nebulab/session` with what a test sets, and notes who asks for more time.

    `further` has the answers below it, by name; JSON as the session gives it.
    """

    status: dict[str, Any] = field(
        default_factory=lambda: {"state": "running", "ends_in_seconds": None, "messages": []}
    )
    extended: int = 0
    asked: int = 0
    further: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        broker = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                broker.asked += 1
                self.answer()

            def do_POST(self) -> None:
                if self.path.endswith("/extend"):
                    broker.extended += 1
                    broker.status = broker.status | {"ends_in_seconds": None}
                self.answer()

            def answer(self) -> None:
                known = self.headers["x-api-key"] == BROKER_TOKEN and self.path.startswith("/nebulab/session")
                name = self.path.removeprefix("/nebulab/session/")
                body = json.dumps(broker.further.get(name, broker.status) if known else {}).encode()
                self.send_response(200 if known else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/nebulab/session"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Lab:
    """A running JupyterLab."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    broker: StandInBroker

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "lab.log").read_text()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.broker.close()


def start(
    folder: Path, lab: Path, kernels: Path, start_page: str = "", variables: Mapping[str, str] | None = None
) -> Lab:
    """Start JupyterLab of the environment `lab` with the kernels of `kernels`, and wait until it answers.

    `variables` are set beside those that each has.
    """
    broker = StandInBroker()
    work = folder / "work"
    work.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    python = overlay.create(folder / "overlay", kernels)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "SHELL": "/bin/bash",
        "GALAXY_MEMORY_MB": "2048",
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_PATH": str(overlay.kernelspec(folder / "kernels", python)),
        "API_KEY": BROKER_TOKEN,
        "NEBULAB_SESSION": broker.url,
        "NEBULAB_START_PAGE": start_page,
        contract.WIDGETS: str(kernels / "share" / "jupyter" / "labextensions"),
    }
    environment |= WITHOUT_INTERNET | config.hand_over(TOKEN, folder) | dict(variables or {})
    command = [str(lab / "bin" / "python"), *config.command(port)[1:]]
    with (folder / "lab.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=work, stdout=log, stderr=subprocess.STDOUT)
    started = Lab(folder, port, process, broker)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{started.url}/api", timeout=5)
        except urllib.error.HTTPError:
            return started
        except OSError:
            time.sleep(0.1)
    started.stop()
    raise AssertionError(started.log)
