"""Builds the container image from a checkout; runs in a checkout."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from nebulab.containers import images
from nebulab.containers.engine import Engine
from nebulab.errors import ImageError, SettingsError

BOOTSTRAP = "bootstrap"
"""The base that needs no registry of images."""

_OWN_BASE = "localhost/nebulab-base:bookworm"
_SUITE = "bookworm"
_SHA256 = re.compile(r"sha256=([0-9a-f]{64})")
_LOG_LINES = 20
# Kept out of the base: nobody reads them in a container, and caches would stay in its layer.
_NOT_IN_BASE = ("./var/cache/apt", "./var/lib/apt/lists", "./usr/share/doc", "./usr/share/man", "./usr/share/locale")


def build(  # noqa: PLR0913 - what a build needs, by name
    checkout: Path,
    console: Console,
    *,
    engine: Engine,
    variant: str,
    tag: str,
    base: str | None = None,
    wheels: Path | None = None,
    micromamba: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Build `variant` as `tag`.

    Parameters
    ----------
    base
        An image of Debian or Ubuntu; `bootstrap` makes one with debootstrap; None leaves it to the Containerfile.
    wheels
        A folder with wheels that no index has, PyTorch's build for processors above all.
    micromamba
        The program, as `https://…#sha256=…` or `FILE#sha256=…`; None leaves it out.
    environment
        Where SSL_CERT_FILE (a proxy's authority, passed as a secret), PIP_FIND_LINKS (the default of `wheels`) and
        SOURCE_DATE_EPOCH (the time that all files get) are read.

    Raises
    ------
    ImageError
        The engine failed; the message ends with what it said last.
    SettingsError
        `micromamba` names no program, or not its hash.
    """
    environment = os.environ if environment is None else environment
    if base == BOOTSTRAP:
        base = bootstrap(engine, console)
    command = build_command(
        checkout,
        engine=engine,
        variant=variant,
        tag=tag,
        base=base,
        wheels=wheels,
        micromamba=micromamba,
        environment=environment,
    )
    log = checkout / ".work" / f"image-{variant}.log"
    log.parent.mkdir(exist_ok=True)
    console.print(f"Building {tag} ({variant}) with {engine.name}; its whole output goes to {log}")
    _run(command, console, log, f"The image {tag} could not be built.", {**environment, "DOCKER_BUILDKIT": "1"})


def build_and_tell(  # noqa: PLR0913 - what a build needs, by name
    checkout: Path,
    console: Console,
    *,
    engine: Engine,
    variant: str,
    tag: str,
    base: str | None,
    wheels: Path | None,
    micromamba: str | None,
) -> None:
    """Build as above, and print the layers, the time that it took and what to do next.

    Raises
    ------
    ImageError, SettingsError
        As above.
    """
    began = time.monotonic()
    build(checkout, console, engine=engine, variant=variant, tag=tag, base=base, wheels=wheels, micromamba=micromamba)
    if engine.runs:
        for size, made_by in images.layers(engine, tag):
            console.print(f"{size / 1e6:8.1f} MB  {made_by[:90]}", markup=False, soft_wrap=True)
    console.print(f"Built {tag} in {time.monotonic() - began:.0f} s. Verify it: nebulab image verify {tag}")


def build_command(  # noqa: PLR0913 - what a build needs, by name
    checkout: Path,
    *,
    engine: Engine,
    variant: str,
    tag: str,
    base: str | None,
    wheels: Path | None,
    micromamba: str | None = None,
    environment: Mapping[str, str],
) -> list[str]:
    """Return the engine's command; Docker, podman and buildah take the same one, but for the files' time."""
    command = [engine.name, "build", "-f", str(checkout / "image" / "Containerfile"), "-t", tag]
    command += ["--build-arg", f"VARIANT={variant}"]
    if base:
        command += ["--build-arg", f"BASE={base}"]
    wheels = wheels or _found_wheels(environment)
    if wheels is not None:
        command += ["--build-context", f"wheels={wheels}"]
    command += _micromamba(micromamba) if micromamba else []
    authority = environment.get("SSL_CERT_FILE")
    if authority and Path(authority).is_file():
        command += ["--secret", f"id=cabundle,src={authority}"]
    epoch = environment.get("SOURCE_DATE_EPOCH")
    if epoch:
        command += ["--build-arg", f"SOURCE_DATE_EPOCH={epoch}"] if engine.name == "docker" else ["--timestamp", epoch]
    return [*command, str(checkout)]


def bootstrap(engine: Engine, console: Console) -> str:
    """Make a base image of Debian's packages alone, unless it is there, and return its name.

    Raises
    ------
    ImageError
        debootstrap is not installed, or failed.
    """
    if engine.has_image(_OWN_BASE):
        return _OWN_BASE
    console.print(f"Making the base image {_OWN_BASE} with debootstrap (once; about a minute)")
    with tempfile.TemporaryDirectory(prefix="nebulab-base-") as made:
        folder = Path(made) / "root"
        log = Path(made) / "log"
        debootstrap = ["debootstrap", "--variant=minbase", "--include=ca-certificates", _SUITE, str(folder)]
        _run(debootstrap, console, log, "The base image could not be made.")
        archive = Path(made) / "base.tar"
        left_out = [f"--exclude={path}/*" for path in _NOT_IN_BASE]
        _run(["tar", "-C", str(folder), *left_out, "-cf", str(archive), "."], console, log, "The base image is no use.")
        _run([engine.name, "import", str(archive), _OWN_BASE], console, log, "The base image could not be imported.")
    return _OWN_BASE


def _micromamba(source: str) -> list[str]:
    """Return the options that put micromamba into the image, from an address or a file, if its hash is right."""
    place, _, fragment = source.partition("#")
    found = _SHA256.fullmatch(fragment)
    if found is None:
        raise SettingsError(
            f"--micromamba is {source!r}, without the program's hash.",
            "Give both: https://…#sha256=…, or FILE#sha256=…; `sha256sum FILE` tells that of a file.",
        )
    options = []
    if not place.startswith("https://"):
        file = Path(place).absolute()
        if not file.is_file():
            raise SettingsError(f"There is no file {place} to take micromamba from.", "Give a file, or https://….")
        options = ["--build-context", f"micromamba={file.parent}"]
        place = file.name
    return [*options, "--build-arg", f"MICROMAMBA={place}", "--build-arg", f"MICROMAMBA_SHA256={found[1]}"]


def _found_wheels(environment: Mapping[str, str]) -> Path | None:
    """Return the folder where pip is told to look for wheels."""
    folders = [Path(folder) for folder in environment.get("PIP_FIND_LINKS", "").split()]
    return next((folder for folder in folders if folder.is_dir() and any(folder.glob("*.whl"))), None)


def _run(
    command: Sequence[str], console: Console, log: Path, failure: str, environment: Mapping[str, str] | None = None
) -> None:
    """Run a long command: its output goes to `log`, the step it is at to the terminal."""
    last: deque[str] = deque(maxlen=_LOG_LINES)
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
        )
    except FileNotFoundError as error:
        raise ImageError(f"{failure} {command[0]} is not installed.", f"Install {command[0]}.") from error
    with process, log.open("w") as file, console.status(command[0]) as status:
        assert process.stdout is not None  # noqa: S101 - asked for above
        for line in process.stdout:
            file.write(line)
            file.flush()
            if line.strip():
                last.append(line.rstrip())
            if "STEP" in line or line.startswith(("#", "I: ")):
                status.update(line.strip()[: console.width - 4])
                if not console.is_terminal and "STEP" in line:
                    step = f"{time.monotonic() - began:6.0f} s  {line.strip()[:100]}"
                    console.print(step, markup=False, soft_wrap=True)
    if process.returncode:
        raise ImageError(f"{failure} {command[0]} ended with {process.returncode}.", "\n".join(last))
