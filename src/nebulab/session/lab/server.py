"""JupyterLab of one session: its port, its start, its first answer, and the report to Galaxy; runs in the session."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from nebulab import contract
from nebulab.errors import ServerError
from nebulab.files import replace
from nebulab.linux import descendants, listening
from nebulab.session.walls.guardian import Guarded

if TYPE_CHECKING:
    import aiohttp

LOOPBACK = "127.0.0.1"
_KNOCK_SECONDS = 0.03
_ANSWER_SECONDS = 0.1
_START_SECONDS = 120.0
_LOG_LINES = 15
_LONGEST_REASON = 64 * 1024


def free_port() -> int:
    """Return a port on loopback that nothing listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def broker_socket() -> socket.socket:
    """Return a bound socket: kernels are told its address before anything listens there."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((LOOPBACK, 0))
    return bound


async def wait_until_ready(
    port: int, token: str, process: Guarded, log: Path, seconds: float = _START_SECONDS, *, base_url: str = "/"
) -> None:
    """Wait until JupyterLab answers a request.

    Raises
    ------
    ServerError
        It ended instead, or took longer than `seconds`; the message ends with the end of its log.
    """
    # Not at the top: this file is imported before JupyterLab is started, which importing asyncio would delay.
    import asyncio

    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while loop.time() < deadline:
        await asyncio.sleep(_KNOCK_SECONDS)
        if process.poll() is not None:
            raise ServerError(f"JupyterLab ended while it started (exit code {process.status}).", last_lines(log))
        if not listens(port, process.pid):
            continue
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                # The kernel accepts the connection at once; JupyterLab answers when it is ready.
                request = f"GET {base_url}api HTTP/1.0\r\nHost: localhost\r\nAuthorization: token {token}\r\n\r\n"
                writer.write(request.encode("ascii"))
                async with asyncio.timeout(max(deadline - loop.time(), 1)):
                    if await reader.readline():
                        return
            except TimeoutError:
                break
            finally:
                writer.close()
    raise ServerError(f"JupyterLab did not answer within {seconds:.0f} s.", last_lines(log))


async def have_tabs_save(
    client: aiohttp.ClientSession, port: int, token: str, seconds: float, *, base_url: str = "/"
) -> str:
    """Have all browser tabs save their documents before the session ends, within `seconds`.

    Returns
    -------
    str
        What the user has to know where that did not succeed, else nothing.
    """
    import aiohttp

    address = f"http://{LOOPBACK}:{port}{base_url}nebulab/save"
    try:
        async with client.post(
            address,
            json={"seconds": seconds, "ending": True},
            headers={"Authorization": f"token {token}"},
            timeout=aiohttp.ClientTimeout(total=seconds + _ANSWER_SECONDS),
        ) as answer:
            saved = await answer.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return f"Open tabs could not be asked to save ({type(error).__name__}): what was saved last is kept."
    if saved.get("silent") or saved.get("unsaved"):
        return "Not all that open tabs showed was saved in time: what was saved last is kept."
    return ""


def listens(port: int, root: int) -> bool:
    """Whether a process below `root` listens on `port` of loopback.

    The port was free when it was chosen, and another process may have taken it: that must not get the token.
    """
    inodes = listening(port)
    for pid in descendants(root) if inodes else ():
        with contextlib.suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(descriptor.readlink()) in inodes:
                        return True
    return False


def report(path: Path, port: int) -> None:
    """Write the file from which Galaxy's job runner reads the entry point's address."""
    replace(path, json.dumps(contract.runtime_report(LOOPBACK, port)).encode())


def last_lines(log: Path) -> str:
    """Return the end of JupyterLab's log."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
    except OSError:
        return ""
    return "Its last lines:\n" + "\n".join(lines) if lines else ""


def written_inside(path: Path) -> str:
    """Return the beginning of a file that the sandbox wrote, or nothing; a symbolic link is not followed."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            return file.read(_LONGEST_REASON).decode("utf-8", "replace") if is_regular else ""
    except OSError:
        return ""
