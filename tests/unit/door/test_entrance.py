"""The way in, from both ends: a session that says its ticket gets a port which leads to it, and nobody else does."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from nebulab.door import entrance
from nebulab.door.entrance import Entrance
from nebulab.door.tickets import Tickets
from nebulab.errors import ServerError
from nebulab.session.walls import sealed
from nebulab.stack.running import ports

HOST = "127.0.0.1"
Serve = Callable[..., Awaitable[Path]]
Found = TypeVar("Found")


class Jobs:
    """The folders of Galaxy's jobs, and the tickets that their scripts left."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "tickets"
        self.folder.mkdir()
        self.tickets = Tickets(self.folder)

    def new(self, name: str) -> str:
        """A job that leaves a ticket; its secret."""
        secret = secrets.token_hex(32)
        (self.root / name).mkdir()
        (self.folder / hashlib.sha256(secret.encode()).hexdigest()).write_text(f"{self.root / name}\n")
        return secret

    def port(self, name: str) -> int | None:
        """What Galaxy reads of a job's port."""
        file = self.root / name / "container_runtime.json"
        if not file.exists():
            return None
        (record,) = json.loads(file.read_text()).values()
        assert record["host"] == HOST
        port: int = record["port"]
        return port


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path)


@contextlib.asynccontextmanager
async def lab(name: str) -> AsyncIterator[int]:
    """A server in a container, which repeats what it hears after its name."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{name}: ".encode() + await reader.read(-1))
        writer.close()

    server = await asyncio.start_server(answer, HOST, 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


@contextlib.asynccontextmanager
async def session(door: Path, secret: str, port: int) -> AsyncIterator[asyncio.Task[Any]]:
    running = asyncio.create_task(sealed.let_in(door, secret, port))
    yield running
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError, ServerError):
        await running


async def soon(probe: Callable[[], Found | None]) -> Found:
    async with asyncio.timeout(30):
        while not (found := probe()):
            await asyncio.sleep(0.02)
    return found


async def visit(port: int, said: bytes = b"hello") -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(said)
    writer.write_eof()
    try:
        async with asyncio.timeout(30):
            return await reader.read(-1)
    finally:
        writer.close()


async def test_a_visitor_who_says_nothing_is_shown_out(serve: Serve, jobs: Jobs) -> None:
    """And the session is never asked for a connection; one that goes quiet later is closed too."""
    door = await serve(Entrance(jobs.tickets, word_seconds=0.2, idle_seconds=0.4).handle)
    secret, opened = jobs.new("one"), 0

    async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        writer.write(await reader.read(5))
        with contextlib.suppress(OSError):
            await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(quiet, HOST, 0)
    async with session(door, secret, server.sockets[0].getsockname()[1]):
        port = await soon(functools.partial(jobs.port, "one"))
        for said, heard in ((b"", b""), (b"hello", b"hello")):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(said)
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(30):
                    assert await reader.read(5) == heard
                    assert await reader.read(-1) == b""
            writer.close()
            assert opened == bool(said)
    server.close()
    await server.wait_closed()


async def say(door: Path, **what: Any) -> dict[str, Any]:
    """What a notebook may say to the door's socket, and the first line that it hears."""
    reader, writer = await asyncio.open_unix_connection(str(door))
    writer.write(json.dumps(what).encode() + b"\n")
    async with asyncio.timeout(30):
        line = await reader.readline()
    writer.close()
    return json.loads(line) if line else {}


async def test_each_session_has_a_port_that_leads_to_it(serve: Serve, jobs: Jobs) -> None:
    door = await serve(Entrance(jobs.tickets).handle)
    one, two = jobs.new("one"), jobs.new("two")
    async with lab("one") as first, lab("two") as second:
        async with session(door, one, first), session(door, two, second):
            led = [await soon(functools.partial(jobs.port, name)) for name in ("one", "two")]
            assert len(set(led)) == 2
            much = os.urandom(3_000_000)
            answers = await asyncio.gather(*(visit(port, much) for port in led for _ in range(20)))
            assert answers == [b"one: " + much] * 20 + [b"two: " + much] * 20
        for port in led:
            await soon(functools.partial(ports.is_free, port))


async def test_a_job_is_known_by_its_secret_alone(serve: Serve, jobs: Jobs) -> None:
    door = await serve(Entrance(jobs.tickets).handle)
    secret = jobs.new("one")
    digest = hashlib.sha256(secret.encode()).hexdigest()
    for wrong in (
        "",
        "0" * 64,
        secret[:-1],
        secret.upper(),
        digest,
        f"../tickets/{digest}",
        f"{secret}\n",
        str(jobs.root),
        None,
        7,
    ):
        said = await say(door, ticket=wrong)
        assert said.keys() == {"refused", "hint"}, wrong
    assert jobs.port("one") is None
    for nonsense in ({}, {"accept": "0" * 32}, {"accept": None}, {"job": str(jobs.root / "one")}):
        assert await say(door, **nonsense) == {}
    assert jobs.port("one") is None


async def test_a_ticket_serves_one_at_a_time(serve: Serve, jobs: Jobs) -> None:
    """A notebook that got hold of its own session's secret could not take its visitors."""
    door = await serve(Entrance(jobs.tickets).handle)
    secret = jobs.new("one")
    async with lab("one") as inside, session(door, secret, inside):
        port = await soon(lambda: jobs.port("one"))
        assert "already" in (await say(door, ticket=secret))["refused"]
        assert await visit(port) == b"one: hello"
        assert jobs.port("one") == port


async def test_nothing_but_the_report_is_written_and_links_lead_nowhere(serve: Serve, jobs: Jobs) -> None:
    door = await serve(Entrance(jobs.tickets).handle)
    secret = jobs.new("one")
    precious = jobs.root / "precious"
    precious.write_text("kept")
    (jobs.root / "one" / "container_runtime.json").symlink_to(precious)
    # A ticket of no job: a link to something that is no ticket, and one whose job is gone.
    other = secrets.token_hex(32)
    (jobs.folder / hashlib.sha256(other.encode()).hexdigest()).symlink_to(precious)
    gone = jobs.new("gone")
    (jobs.root / "gone").rmdir()
    assert "refused" in await say(door, ticket=other)
    assert "refused" in await say(door, ticket=gone)
    async with lab("one") as inside, session(door, secret, inside):
        await soon(lambda: not (jobs.root / "one" / "container_runtime.json").is_symlink())
        port = jobs.port("one")
        assert port is not None
        assert await visit(port) == b"one: hello"
    assert precious.read_text() == "kept"
    assert sorted(path.name for path in (jobs.root / "one").iterdir()) == ["container_runtime.json"]


async def test_after_a_restart_of_the_door_the_port_is_the_same(serve: Serve, jobs: Jobs, tmp_path: Path) -> None:
    secret = jobs.new("one")
    first = Entrance(jobs.tickets)
    open_: list[asyncio.StreamWriter] = []

    async def kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.append(writer)
        await first.handle(reader, writer)

    door = await serve(kept)
    async with lab("one") as inside, session(door, secret, inside):
        port = await soon(lambda: jobs.port("one"))
        (jobs.root / "one" / "container_runtime.json").unlink()
        await serve(Entrance(jobs.tickets).handle)
        for writer in open_:
            writer.transport.abort()
        assert await soon(lambda: jobs.port("one")) == port
        assert await visit(port) == b"one: hello"


async def test_a_session_that_takes_nobody_keeps_nobody_waiting_for_ever(
    serve: Serve, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "_TAKE_SECONDS", 0.2)
    monkeypatch.setattr(entrance, "WAITING", 4)
    door = await serve(Entrance(jobs.tickets).handle)
    secret = jobs.new("one")
    reader, writer = await asyncio.open_unix_connection(str(door))
    writer.write(json.dumps({"ticket": secret}).encode() + b"\n")
    port = json.loads(await reader.readline())["port"]

    async def ended() -> bool:
        try:
            return await visit(port) == b""
        except ConnectionError:
            return True

    assert await asyncio.gather(*(ended() for _ in range(12))) == [True] * 12
    writer.close()


async def test_a_session_that_nobody_lets_in_says_so(serve: Serve, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    door = await serve(Entrance(jobs.tickets).handle)
    with pytest.raises(ServerError, match="knows no session"):
        await sealed.let_in(door, "0" * 64, 1)
    monkeypatch.setattr(sealed, "_PATIENCE_SECONDS", 0.1)
    with pytest.raises(ServerError, match="does not answer"):
        await sealed.let_in(jobs.root / "no-door", "0" * 64, 1)


def test_tickets_of_jobs_that_are_gone_are_cleared(jobs: Jobs) -> None:
    for name in ("one", "two"):
        jobs.new(name)
    (jobs.root / "two").rmdir()
    (jobs.folder / "something else").write_text("kept")
    assert jobs.tickets.clear() == 1
    assert len(list(jobs.folder.iterdir())) == 2


async def test_a_container_gets_in_and_out_without_a_network(serve: Serve, jobs: Jobs) -> None:
    """The session's half in a network namespace of its own, where there is no way but the sockets."""
    unshare = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("this machine makes no network namespaces")
    door = await serve(Entrance(jobs.tickets).handle)
    program = f"""
import asyncio, subprocess
from pathlib import Path
from nebulab.session.walls import sealed
from nebulab.stack.running import ports
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
async def answer(reader, writer):
    writer.write(b"inside: " + await reader.read(-1))
    writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 8888)
    await sealed.let_in(Path({str(door)!r}), input(), 8888)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        *unshare, sys.executable, "-c", program, stdin=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(jobs.new("one").encode() + b"\n")
    assert await visit(await soon(lambda: jobs.port("one"))) == b"inside: hello"
    process.kill()
    await process.wait()
