"""The way out of a container without network: a port of its loopback, which a proxy's variables name."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from nebulab import forwarding
from nebulab.door.egress import Egress
from nebulab.door.policy import Allowed, Policy
from nebulab.session.walls.sealed import Outward

HOST = "127.0.0.1"


async def as_this_machine(host: str, port: int) -> list[str]:
    return [HOST]


@pytest.fixture
async def egress(tmp_path: Path) -> AsyncIterator[Path]:
    """A door's socket, which leads to `world.example`: this machine."""
    proxy = Egress(Policy([Allowed.read("world.example")], resolve=as_this_machine))
    server = await forwarding.serve_socket_with(tmp_path / "egress", proxy.handle)
    yield tmp_path / "egress"
    server.close()
    await server.wait_closed()


@pytest.fixture
async def world() -> AsyncIterator[int]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.method} {request.host}")

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def python(code: str, outward: Outward) -> str:
    """Run a program as a kernel runs it: with the variables alone."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), env=outward.variables, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return said.decode().strip()


async def test_programs_take_it_without_being_told(egress: Path, world: int) -> None:
    outward = Outward(egress)
    server = await outward.serve()
    address = f"http://world.example:{world}/"
    code = f"import urllib.request; print(urllib.request.urlopen({address!r}).read().decode())"
    assert await python(code, outward) == f"GET world.example:{world}"
    code = f"import httpx; print(httpx.get({address!r}).text)"
    assert await python(code, outward) == f"GET world.example:{world}"
    # What is in the container itself, Galaxy and JupyterLab, is reached directly.
    code = f"import httpx; print(httpx.get('http://{HOST}:{world}/').text)"
    assert await python(code, outward) == f"GET {HOST}:{world}"
    server.close()
    await server.wait_closed()


async def test_before_the_session_serves_it_a_process_of_its_own_does(egress: Path, world: int) -> None:
    """A repository is cloned before there is an event loop; afterwards the session takes over, on the same port."""
    outward = Outward(egress)
    code = f"import urllib.request; print(urllib.request.urlopen('http://world.example:{world}/').read().decode())"
    with outward.helped():
        assert await python(code, outward) == f"GET world.example:{world}"
    asked = asyncio.create_task(python(code, outward))
    server = await outward.serve()
    assert await asked == f"GET world.example:{world}"
    server.close()
    await server.wait_closed()


async def test_ssh_gets_a_tunnel(egress: Path) -> None:
    """What git's command for ssh names, called as ssh calls it."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-test\r\n" + await reader.read(-1))
        writer.close()

    server = await asyncio.start_server(greet, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    outward = Outward(egress)
    served = await outward.serve()
    ssh, option, proxy_command = shlex.split(outward.variables["GIT_SSH_COMMAND"])
    assert (ssh, option) == ("ssh", "-o")
    command = proxy_command.removeprefix("ProxyCommand=")
    for host, expected in (("world.example", b"SSH-2.0-test\r\nhello"), ("elsewhere.example", b"")):
        process = await asyncio.create_subprocess_shell(
            command.replace("%h", host).replace("%p", str(port)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, trouble = await process.communicate(b"hello")
        assert said == expected
        assert (b"not open to sessions" in trouble) == (not expected)
    for one in (server, served):
        one.close()
        await one.wait_closed()
