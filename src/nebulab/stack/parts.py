"""The parts of a stack that are processes: how each is started, and how one sees that it works; runs on one machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from nebulab.door import serve as door_process
from nebulab.stack import containers, gx_it_proxy
from nebulab.stack.ports import HOST
from nebulab.stack.settings import StackSettings

_ANSWER_SECONDS = 10


@dataclass(frozen=True)
class Part:
    """One process of the stack.

    Attributes
    ----------
    name, title
        What commands and people call it.
    address
        Where people and programs reach it.
    probe
        An address that answers when the part works; a folder for the door.
    expects
        The status of that answer; None if any will do.
    start_seconds
        How long it may take to answer at first.
    stop_seconds
        How long it may take to end after SIGTERM.
    """

    name: str
    title: str
    command: tuple[str | Path, ...]
    address: str
    probe: str
    folder: Path
    log: Path
    expects: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    start_seconds: float = 30
    stop_seconds: float = 10

    async def answers(self, client: aiohttp.ClientSession) -> bool:
        """Tell whether the part answers now."""
        if self.probe.startswith("/"):
            return await door_process.answers(Path(self.probe))
        try:
            async with client.get(self.probe, timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS)) as answer:
                return self.expects is None or answer.status == self.expects
        except (aiohttp.ClientError, TimeoutError):
            return False


def galaxy(settings: StackSettings, configuration: Path, port: int) -> Part:
    """Return Galaxy, as its own web server runs it."""
    programs = settings.environment("galaxy") / "bin"
    path = os.pathsep.join((str(settings.bin_dir), str(programs), os.environ.get("PATH", os.defpath)))
    return Part(
        name="galaxy",
        title="Galaxy",
        # Not localhost, which some machines resolve to ::1 alone.
        command=(programs / "galaxy-web", "-c", configuration, "-b", f"{HOST}:{port}"),
        address=f"http://localhost:{port}",
        probe=f"http://{HOST}:{port}/api/version",
        expects=200,
        folder=settings.galaxy_dir,
        log=settings.log("galaxy"),
        # Job scripts call a bare `python`, which must be Galaxy's.
        environment={
            "PATH": path,
            "VIRTUAL_ENV": str(programs.parent),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(containers.rules_folder(settings)),
        },
        start_seconds=600,
        stop_seconds=30,
    )


def proxy(settings: StackSettings, galaxy_url: str, port: int) -> Part:
    """Return the interactive tools proxy that the settings ask for."""
    if settings.proxy == "gx-it-proxy":
        command = gx_it_proxy.command(settings, port)
    else:
        command = (
            *(sys.executable, "-m", "nebulab.stack.proxy", "--port", str(port)),
            *("--sessions", settings.sessions_map, "--galaxy-url", galaxy_url),
        )
    return Part(
        name="proxy",
        title="The proxy",
        command=command,
        address=f"http://localhost:{port}",
        # Neither knows a session of this name; that it says so is enough.
        probe=f"http://{HOST}:{port}/",
        folder=settings.run_dir,
        log=settings.log("proxy"),
        environment={"PYTHONUNBUFFERED": "1"},
    )


def door(settings: StackSettings, galaxy_port: int) -> Part:
    """Return the ways of sessions in containers: to Galaxy, in, and out."""
    return Part(
        name="door",
        title="The door of sessions in containers",
        command=(
            *(sys.executable, "-m", "nebulab", "door", "--galaxy", f"{HOST}:{galaxy_port}"),
            *("--folder", settings.door_dir, "--tickets", settings.tickets_dir),
            *(option for text in settings.allow for option in ("--allow", text)),
        ),
        address=str(settings.door_dir),
        probe=str(settings.door_dir),
        folder=settings.run_dir,
        log=settings.log("door"),
        environment={"PYTHONUNBUFFERED": "1"},
    )
