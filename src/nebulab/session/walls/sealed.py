"""Connections of a session in a container without network: in through the door, out through the door's proxy; runs in
the session.

All connections between session and door are opened by the session. See `nebulab.door.entrance`.
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
"""Time for which a session that never reached the door retries."""
_RETRY_SECONDS = 0.5


class Outward:
    """A port on this container's loopback that is forwarded to the proxy at the socket `egress`.

    It listens from the beginning, so that its address is known; connections are accepted from `helped` or `serve` on,
    and wait in the backlog before.
    """

    def __init__(self, egress: Path) -> None:
        self._egress = egress
        self._listening = socket.create_server((_LOOPBACK, 0), backlog=_BACKLOG)

    @property
    def variables(self) -> dict[str, str]:
        """The environment's proxy variables; in both spellings, since no program reads both."""
        address = "http://{}:{}".format(*self._listening.getsockname())
        proxies = {
            **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), address),
            "no_proxy": f"localhost,{_LOOPBACK},::1",
        }
        tunnel = shlex.join([sys.executable, "-P", "-m", "nebulab.session.walls.tunnel", str(self._egress)])
        return {
            **proxies,
            **{name.upper(): value for name, value in proxies.items()},
            "GIT_SSH_COMMAND": f"ssh -o {shlex.quote(f'ProxyCommand={tunnel} %h %p')}",
        }

    @contextlib.contextmanager
    def helped(self) -> Iterator[None]:
        """Serve the port from a child process, while this process has no event loop and may start no thread."""
        descriptor = self._listening.fileno()
        helper = subprocess.Popen(
            [sys.executable, "-P", "-m", "nebulab.forwarding", str(descriptor), str(self._egress)],
            pass_fds=(descriptor,),
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
    """Accept the door's visitors on behalf of `port` of this container; reconnect when the door is restarted.

    Raises
    ------
    ServerError
        The door refuses, or does not answer.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE_SECONDS
    accepted = False
    tasks: set[asyncio.Task[None]] = set()
    try:
        while True:
            # Malformed answers are retried too: the door may be of another version.
            with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
                reader, writer = await asyncio.open_unix_connection(door)
                try:
                    writer.write(json.dumps({"ticket": ticket}).encode() + b"\n")
                    answer = json.loads(await reader.readline())
                    if "refused" in answer and not accepted:
                        raise ServerError(f"Nobody can open this session: {answer['refused']}", answer.get("hint", ""))
                    accepted = accepted or "port" in answer
                    while line := await reader.readline():
                        task = asyncio.create_task(_take(door, json.loads(line)["accept"], port))
                        tasks.add(task)
                        task.add_done_callback(tasks.discard)
                finally:
                    writer.close()
            if not accepted and loop.time() > deadline:
                raise ServerError(
                    "Nobody can open this session: the door does not answer.",
                    "Whoever runs this Galaxy should look at `nebulab door`: `nebulab logs door` on a stack.",
                )
            await asyncio.sleep(_RETRY_SECONDS)
    finally:
        for task in tasks:
            task.cancel()


async def _take(door: Path, name: str, port: int) -> None:
    """Join two connections for one visitor: one to the door, one to JupyterLab."""
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
