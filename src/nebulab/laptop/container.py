"""A Lab in a container: its image, and the engine's command line with all isolation; runs in a terminal."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console

from nebulab.checkout import root
from nebulab.containers import building, images
from nebulab.containers.engine import Engine
from nebulab.containers.walls import HOME, authorities, limits, walls
from nebulab.contract import CONTAINER_PORT
from nebulab.errors import ImageError, SettingsError
from nebulab.laptop.gpus import Choice
from nebulab.laptop.login import Login
from nebulab.laptop.settings import LabSettings
from nebulab.stack.running.ports import HOST

INSIDE = "/import"
"""The mount point of the person's folder in the container."""

_SHARE = 0.75
"""Share of the machine's memory that a Lab may take by default."""
_PROCESSES = 4096
"""The limit on processes, threads included, of which every library starts as many as there are processors."""
_SELINUX = Path("/sys/fs/selinux/enforce")
_STOP_SECONDS = 30
_NAME = "nebulab"
_LABEL = "org.nebulab.lab"


@dataclass(frozen=True)
class Box:
    """A container to be run."""

    engine: Engine
    name: str
    argv: tuple[str, ...]

    def stop(self) -> None:
        """Stop the container; fails silently if it does not exist yet, or no longer."""
        self.engine.ask("stop", "-t", str(_STOP_SECONDS), self.name, seconds=_STOP_SECONDS + 15)

    def remove(self) -> None:
        """Remove the container."""
        self.engine.ask("rm", "--force", self.name)


def image(settings: LabSettings, engine: Engine, choice: Choice, console: Console) -> str:
    """Return the name of the image to run, after pulling or building it if that was asked for.

    Raises
    ------
    ImageError
        It is not here; the message tells the command that builds it.
    """
    wanted = [settings.image] if settings.image else [f"{_NAME}:{variant}" for variant in choice.variants]
    for name in wanted:
        if engine.has_image(name):
            return name
    name = wanted[0]
    if settings.build:
        variant = name.rpartition(":")[2]
        variant = variant if variant in images.VARIANTS else choice.variants[0]
        building.build(root(), console, engine=engine, variant=variant, tag=name)
    elif settings.image and has_registry(name):
        console.print(f"Pulling {name} with {engine.name}", soft_wrap=True)
        if subprocess.run([engine.name, "pull", name]).returncode:
            raise ImageError(f"{engine.name} could not pull {name}.", "The cause stands above. Is the name right?")
    else:
        raise ImageError(
            f"There is no image {name} here.",
            f"Build it once (see docs/image.md): nebulab image build --variant {_variant(name, choice)} --tag {name}\n"
            "or let this command do it: --build; or do without a container: --no-container."
            + (" Without GPUs: --gpus none." if choice.with_gpus and not settings.image else ""),
        )
    return name


def has_registry(name: str) -> bool:
    """Whether an image's name begins with a registry: `host.name/…` or `host:port/…`."""
    first, slash, _ = name.partition("/")
    return bool(slash) and ("." in first or ":" in first)


def box(  # noqa: PLR0913 - each is given by name
    settings: LabSettings,
    engine: Engine,
    name: str,
    *,
    choice: Choice,
    port: int,
    login: Login | None,
    environ: Mapping[str, str],
) -> Box:
    """Return the container that serves the folder with the image `name`; secrets go to its standard input.

    `environ` is read for SSL_CERT_FILE: the certificate authorities that this machine trusts, a proxy's among them.
    """
    home = settings.state / "home"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    slug = re.sub(r"[^A-Za-z0-9]+", "-", settings.folder.name).strip("-").lower() or "folder"
    container = f"{_NAME}-lab-{slug[:40]}-{secrets.token_hex(3)}"
    memory_mb = settings.memory_mb or sensible_memory_mb(engine)
    argv = [
        *(engine.name, "run", "--rm", "--interactive", "--name", container, "--label", f"{_LABEL}={settings.folder}"),
        # No log: the session's output comes here, and would be kept with the token in it.
        *("--log-driver", "none", "--publish", f"{HOST}:{port}:{CONTAINER_PORT}"),
        *(*walls(memory_mb), *limits(memory_mb=memory_mb, processes=_PROCESSES, shared_memory_mb=memory_mb // 2)),
        *user(settings.folder, home, rootless=engine.rootless(), engine=engine),
        *bind(settings.folder, INSIDE),
        *bind(home, HOME),
        *choice.options,
        *authorities(environ),
    ]
    if _SELINUX.exists():
        # The alternative, relabelling the folder, would break other programs' access to it.
        argv += ["--security-opt", "label=disable"]
    if login is not None:
        argv += ["--env", f"GALAXY_URL={login.url}", "--env", f"HISTORY_ID={login.history_id}"]
    argv += [name, "nebulab", "session", "--standalone", "--stdin"]
    return Box(engine, container, tuple(argv))


def user(folder: Path, home: Path, *, rootless: bool, engine: Engine) -> Sequence[str]:
    """Return the options of the container's uid, so that new files are the person's; for root, the folder's owner's."""
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        uid, gid = folder.stat().st_uid, folder.stat().st_gid
        os.chown(home, uid, gid)
    if not rootless:
        return ("--user", f"{uid}:{gid}")
    # Rootless: in Docker's containers the person is uid 0, in podman's they may keep their uid.
    return ("--user", "0:0") if engine.name == "docker" else ("--userns", "keep-id", "--user", f"{uid}:{gid}")


def bind(source: Path, target: str) -> Sequence[str]:
    """Return the option that mounts a folder, in the form that can express its name.

    Raises
    ------
    SettingsError
        Neither form can.
    """
    if ":" not in str(source):
        return ("--volume", f"{source}:{target}")
    if not {",", '"'} & set(str(source)):
        return ("--mount", f"type=bind,source={source},target={target}")
    raise SettingsError(f"No engine can mount {source}.", "Take the colon or the comma out of its name.")


def sensible_memory_mb(engine: Engine | None = None) -> int:
    """Return a Lab's default memory limit in MiB: a share of the memory of this machine, or of the engine's own."""
    total = psutil.virtual_memory().total >> 20
    return int(min(total, (engine and engine.memory_mb()) or total) * _SHARE)


def _variant(name: str, choice: Choice) -> str:
    tag = name.rpartition(":")[2]
    return tag if tag in images.VARIANTS else choice.variants[0]
