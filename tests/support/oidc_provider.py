"""A real provider of OpenID Connect, oidc-provider-mock, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx


@contextmanager
def running(log: Path, *users: dict[str, object]) -> Iterator[str]:
    """Start it with these users' claims, and yield its issuer."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    issuer = f"http://localhost:{port}"
    # It is written for an older authlib, which is told in warnings.
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "1"]
    environment = os.environ | {"AUTHLIB_INSECURE_TRANSPORT": "1"}
    with log.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
    try:
        with httpx.Client(base_url=issuer, trust_env=False, timeout=30) as client:
            end = time.monotonic() + 60
            while not _answers(client):
                assert process.poll() is None and time.monotonic() < end, log.read_text()
                time.sleep(0.05)
            for user in users:
                client.put(f"/users/{quote(str(user['sub']))}", json=user).raise_for_status()
        yield issuer
    finally:
        process.terminate()
        process.wait(20)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/.well-known/openid-configuration").status_code == 200
    except httpx.TransportError:
        return False
