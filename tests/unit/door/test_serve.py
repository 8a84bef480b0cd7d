"""The door's process, by the command that an administrator gives."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from nebulab import forwarding
from nebulab.cli import cli
from nebulab.door.serve import answers
from nebulab.errors import SettingsError

HOST = "127.0.0.1"


@pytest.fixture
async def galaxy() -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Galaxy hears " + await reader.read(-1))
        writer.close()

    server = await asyncio.start_server(answer, HOST, 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def ask(path: Path, said: bytes, *, whole: bool = True) -> bytes:
    reader, writer = await forwarding.open_socket(path)
    writer.write(said)
    if whole:
        writer.write_eof()
    async with asyncio.timeout(30):
        heard = await (reader.read(-1) if whole else reader.readline())
    writer.close()
    return heard


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes of the test, none of which outlives it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


async def test_one_command_serves_all_ways_and_ends_in_order(
    galaxy: int, started: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    folder, tickets, job = tmp_path / "run", tmp_path / "tickets", tmp_path / "job"
    job.mkdir()
    command: list[str | Path] = [sys.executable, "-m", "nebulab", "door", "--folder", folder, "--tickets", tickets]
    process = subprocess.Popen(
        [*command, "--galaxy", f"{HOST}:{galaxy}", "--allow", f"{HOST}:{galaxy}"], stderr=subprocess.PIPE, text=True
    )
    started.append(process)
    async with asyncio.timeout(60):
        while not await _answers(folder):
            assert process.poll() is None, process.communicate()
            await asyncio.sleep(0.05)
    assert await ask(folder / "galaxy", b"hello") == b"Galaxy hears hello"
    allowed = f"CONNECT {HOST}:{galaxy} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    assert await ask(folder / "egress", allowed + b"hello") == b"HTTP/1.1 200 Connected\r\n\r\nGalaxy hears hello"
    refused = b"CONNECT 10.0.0.1:80 HTTP/1.1\r\nHost: x\r\n\r\n"
    assert (await ask(folder / "egress", refused)).startswith(b"HTTP/1.1 403 ")
    secret = secrets.token_hex(32)
    (tickets / hashlib.sha256(secret.encode()).hexdigest()).write_text(f"{job}\n")
    held = await forwarding.open_socket(folder / "door")
    held[1].write(json.dumps({"ticket": secret}).encode() + b"\n")
    port = json.loads(await held[0].readline())["port"]
    assert json.loads((job / "container_runtime.json").read_text())["8888"]["port"] == port
    process.send_signal(signal.SIGTERM)
    said = await asyncio.to_thread(process.communicate, timeout=30)
    assert process.returncode == 0
    # With a session still there: no noise.
    assert said[1].splitlines() == [
        f"the door is open: {folder}",
        f"refused to user {os.getuid()}: 10.0.0.1 is not open to sessions: 10.0.0.1 is a private address.",
    ]
    assert list(folder.iterdir()) == []
    held[1].close()


async def _answers(folder: Path) -> bool:
    return folder.is_dir() and await answers(folder)


@pytest.mark.parametrize(
    ("option", "value"), [("--galaxy", "galaxy.example.org"), ("--allow", "10.0.0.0/99"), ("--folder", "/dev/null/x")]
)
def test_what_can_not_be_served_is_told(option: str, value: str, tmp_path: Path) -> None:
    told = ["door", "--folder", str(tmp_path / "run"), "--tickets", str(tmp_path / "tickets"), option, value]
    result = CliRunner().invoke(cli, told)
    assert isinstance(result.exception, SettingsError)
    assert result.exception.hint
