"""A session in a container without network: its way in, by the door, and its way out, by the door's proxy; runs in the
session.

All connections with the door are made from here; the door can't be led anywhere. See `nebulab.door.entrance`.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from nebulab.errors import ServerError

if TYPE_CHECKING:
    import asyncio

_LOOPBACK = "127.0.0.1"
_BACKLOG = 512
_PATIENCE_SECONDS = 60.0
"""How long a door may be away before a session gives up that nobody has opened yet."""
_AGAIN_SECONDS = 0.5


class Outward:
    """A port of this container's loopback, which leads to the proxy at the socket `egress`.

    It is there from the beginning, so that everything can be told of it, and served by somebody from `helped` or
    `serve` on; who connects before waits.
    """

    def __init__(self, egress: Path) -> None:
        self._egress = egress
        self._listening = socket.create_server((_LOOPBACK, 0), backlog=_BACKLOG)

    @property
    def variables(self) -> dict[str, str]:
        """The environment by which programs take this way; both spellings, since none reads both."""
        address = "http://{}:{}".format(*self._listening.getsockname())
        proxies = {
            **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), address),
            "no_proxy": f"localhost,{_LOOPBACK},::1",
        }
        tunnel = shlex.join([sys.executable, "-m", "nebulab.session.walls.tunnel", str(self._egress)])
        return {
            **proxies,
            **{name.upper(): value for name, value in proxies.items()},
            "GIT_SSH_COMMAND": f"ssh -o {shlex.quote(f'ProxyCommand={tunnel} %h %p')}",
        }

    @contextlib.contextmanager
    def helped(self) -> Iterator[None]:
        """Have a process of its own serve the port, while this one has no event loop and may have no thread yet."""
        number = self._listening.fileno()
        helper = subprocess.Popen(
            [sys.executable, "-m", "nebulab.forwarding", str(number), str(self._egress)],
            pass_fds=(number,),
            stdin=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            helper.kill()
            helper.wait()

    async def serve(self) -> asyncio.Server:
        """Serve the port from now on."""
        from nebulab import forwarding

        return await forwarding.serve_listening(self._listening, self._egress)


async def let_in(door: Path, ticket: str, port: int) -> NoReturn:
    """Have the door lead people to `port` of this container, and go on when the door was started anew.

    Raises
    ------
    ServerError
        The door refuses, or is not there.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE_SECONDS
    known = False
    taking: set[asyncio.Task[None]] = set()
    try:
        while True:
            # What a door says that is no door of this version, too: it is dialled again.
            with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
                reader, writer = await asyncio.open_unix_connection(door)
                try:
                    writer.write(json.dumps({"ticket": ticket}).encode() + b"\n")
                    answer = json.loads(await reader.readline())
                    if "refused" in answer and not known:
                        raise ServerError(f"Nobody can open this session: {answer['refused']}", answer.get("hint", ""))
                    known = known or "port" in answer
                    while line := await reader.readline():
                        task = asyncio.create_task(_take(door, json.loads(line)["accept"], port))
                        taking.add(task)
                        task.add_done_callback(taking.discard)
                finally:
                    writer.close()
            if not known and loop.time() > deadline:
                raise ServerError(
                    "Nobody can open this session: the door does not answer.",
                    "Whoever runs this Galaxy should look at `nebulab door`: `nebulab logs door` on a stack.",
                )
            await asyncio.sleep(_AGAIN_SECONDS)
    finally:
        for task in taking:
            task.cancel()


async def _take(door: Path, name: str, port: int) -> None:
    """Take one who has come: one connection to the door, one to JupyterLab."""
    import asyncio

    from nebulab import forwarding

    with contextlib.suppress(OSError):
        inside = await asyncio.open_connection(_LOOPBACK, port)
        try:
            outside = await asyncio.open_unix_connection(door)
        except OSError:
            inside[1].close()
            return
        outside[1].write(json.dumps({"accept": name}).encode() + b"\n")
        await forwarding.join(inside, outside)
