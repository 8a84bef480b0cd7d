"""A portal's process, as `nebulab portal` starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from nebulab.files import private_folder, write_private


@dataclass
class PortalProcess:
    """The process and its address; what it said is in `told` when it has ended."""

    process: subprocess.Popen[str]
    url: str
    told: str = ""


@contextmanager
def running(folder: Path, galaxy: str, key: str, **settings: str) -> Iterator[PortalProcess]:
    """Start a portal beside a Galaxy, wait for its answer, and end it with the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    private_folder(folder)
    write_private(folder / "galaxy-key", key)
    environment = os.environ | {
        "NEBULAB_PORTAL_DIR": str(folder),
        "NEBULAB_PORTAL_GALAXY": galaxy,
        "NEBULAB_PORTAL_KEY_FILE": str(folder / "galaxy-key"),
        "NEBULAB_PORTAL_URL": f"http://localhost:{port}",
        "NEBULAB_PORTAL_PORT": str(port),
        **settings,
    }
    command = [sys.executable, "-m", "nebulab", "portal"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    portal = PortalProcess(process, f"http://localhost:{port}")
    try:
        _await(port, process)
        yield portal
    finally:
        process.terminate()
        try:
            portal.told = process.communicate(timeout=30)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            portal.told = process.communicate()[1]


def _await(port: int, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    # One client: each reads this machine's certificates anew.
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        while True:
            try:
                told = client.get("/health").json()
            except httpx.TransportError:
                assert process.poll() is None and time.monotonic() < end
                time.sleep(0.05)
            else:
                assert told == {"ok": True, "troubles": []}
                return
