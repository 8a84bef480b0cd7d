"""One user's flood of connections leaves the door's sockets open to the others."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from nebulab import forwarding
from nebulab.door import fairness

Serve = Callable[..., Awaitable[Path]]


async def greeted(path: Path) -> tuple[bytes, asyncio.StreamWriter]:
    reader, writer = await forwarding.open_socket(path)
    try:
        async with asyncio.timeout(30):
            return await reader.readline(), writer
    except ConnectionError:
        return b"", writer


async def test_what_is_too_much_for_one_is_closed_and_the_others_are_served(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fairness, "CONNECTIONS", 2)
    users = [1, 1, 1, 2, 1]
    monkeypatch.setattr(fairness, "user_of", lambda writer: users.pop(0))

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\n")
        await reader.read(-1)
        writer.close()

    path = await serve(fairness.shared(greet))
    held = [await greeted(path) for _ in range(4)]
    assert [said for said, _ in held] == [b"hello\n", b"hello\n", b"", b"hello\n"]
    held[0][1].write_eof()
    # Its end is what makes room.
    async with asyncio.timeout(30):
        while True:
            users[:] = [1]
            said, writer = await greeted(path)
            held.append((said, writer))
            if said:
                break
    for _, writer in held:
        writer.close()


async def test_a_user_is_known_by_the_system(serve: Serve) -> None:
    seen = []

    async def look(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(fairness.user_of(writer))
        writer.write(b"hello\n")
        writer.close()

    _, writer = await greeted(await serve(look))
    writer.close()
    assert seen == [os.getuid()]
