"""The door's process: three Unix sockets in a folder that is mounted into sessions' containers; runs beside Galaxy.

`galaxy` leads to Galaxy, `egress` to the internet, and through `door` a session gets a port of this machine. The
process runs as Galaxy's user, who may write the files from which Galaxy reads the addresses of entry points.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from nebulab import forwarding
from nebulab.contract import DOOR_EGRESS, DOOR_ENTRANCE, DOOR_GALAXY
from nebulab.door.egress import LARGEST_HEAD, Egress
from nebulab.door.entrance import Entrance
from nebulab.door.fairness import CONNECTIONS, shared
from nebulab.door.policy import Allowed, Policy, split_authority
from nebulab.door.tickets import Tickets
from nebulab.door.upstream import Upstream
from nebulab.errors import SettingsError

_CLEAR_SECONDS = 3600.0
_RESOLVERS = 2 * CONNECTIONS
"""Threads for DNS, more than one user can occupy: slow names of one must not delay the others'."""

log = logging.getLogger("nebulab.door")


@dataclass(frozen=True)
class DoorSettings:
    """Settings of one door.

    Attributes
    ----------
    folder
        The sockets' folder, mounted read-only into each container.
    tickets
        The folder into which job scripts write tickets; never mounted.
    galaxy
        Galaxy's host and port; None if containers can reach Galaxy's address themselves.
    host
        The address on which sessions' ports are opened, reachable by the interactive tools proxy and by nobody else.
    allowed
        Destinations that sessions may reach beside public addresses.
    """

    folder: Path
    tickets: Path
    galaxy: tuple[str, int] | None = None
    host: str = "127.0.0.1"
    allowed: tuple[Allowed, ...] = ()


def read_settings(folder: Path, tickets: Path, galaxy: str | None, host: str, allowed: Sequence[str]) -> DoorSettings:
    """Return the settings out of the command line's options: `galaxy` is host:port, `allowed` what `Allowed` reads.

    Raises
    ------
    SettingsError
        One of them is no address.
    """
    try:
        target = split_authority(galaxy) if galaxy else None
    except ValueError:
        raise SettingsError(f"--galaxy {galaxy} is no address.", "Give it as host:port.") from None
    return DoorSettings(folder, tickets, target, host, tuple(Allowed.read(text) for text in allowed))


async def serve(settings: DoorSettings, environ: Mapping[str, str] = os.environ) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises
    ------
    SettingsError
        A folder can't be used, or the environment names a proxy that can't be.
    """
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_RESOLVERS))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Each connection takes two file descriptors; the soft limit is often a thousand, the hard limit far above.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    tickets = Tickets(settings.tickets)
    entrance = Entrance(tickets, settings.host)
    egress = Egress(Policy(settings.allowed), Upstream.read(environ))
    try:
        settings.tickets.mkdir(mode=0o700, parents=True, exist_ok=True)
        servers = [
            await forwarding.serve_socket_with(settings.folder / DOOR_ENTRANCE, shared(entrance.handle)),
            await forwarding.serve_socket_with(settings.folder / DOOR_EGRESS, egress.handle, limit=LARGEST_HEAD),
        ]
        if settings.galaxy is not None:
            to_galaxy = shared(forwarding.onward(*settings.galaxy))
            servers.append(await forwarding.serve_socket_with(settings.folder / DOOR_GALAXY, to_galaxy))
    except OSError as error:
        raise SettingsError(
            f"The door's sockets can't be made in {settings.folder}: {error.strerror}.",
            "Name folders that Galaxy's user may write to: --folder and --tickets.",
        ) from error
    log.info("the door is open: %s", settings.folder)
    clearing = asyncio.create_task(_clear(tickets))
    await stop.wait()
    clearing.cancel()
    for server in servers:
        server.close()
    for name in (DOOR_ENTRANCE, DOOR_EGRESS, DOOR_GALAXY):
        with contextlib.suppress(OSError):
            (settings.folder / name).unlink()


async def _clear(tickets: Tickets) -> None:
    while True:
        try:
            tickets.clear()
        except OSError as error:
            log.warning("tickets of jobs that are over could not be removed, and open nothing: %s", error)
        await asyncio.sleep(_CLEAR_SECONDS)


async def answers(folder: Path) -> bool:
    """Whether a door answers on the sockets in the folder."""
    try:
        reader, writer = await forwarding.open_socket(folder / DOOR_EGRESS)
    except OSError:
        return False
    try:
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        async with asyncio.timeout(10):
            return (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
