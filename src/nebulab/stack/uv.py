"""uv, the installer, and what it and other installers print where they fail; runs in a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from nebulab.errors import InstallError
from nebulab.stack.frameworks import TORCH_LOCK
from nebulab.stack.running import processes


def uv(subject: str, *arguments: str, descriptors: Collection[int] = ()) -> str:
    """Run uv, which inherits the `descriptors`, for the environment `subject`, and return what it printed.

    Raises
    ------
    InstallError
        It failed; the end of its output is in the message.
    """
    return call(
        subject, "uv", sys.executable, "-m", "uv", "--no-config", "--no-progress", *arguments, descriptors=descriptors
    )


def call(subject: str, title: str, *command: str, descriptors: Collection[int] = ()) -> str:
    """Run a step of installing the environment `subject`, and return what it printed.

    Raises
    ------
    InstallError
        It failed; the end of its output is in the message, below its `title`.
    """
    return install_step(
        f"The environment of {subject} could not be installed. {title} says:",
        command,
        hint="Is the package index reachable, and room on the disk? `nebulab doctor` tells. A new start goes on here.",
        environ={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        descriptors=descriptors,
    )


def install_step(
    failed: str,
    command: Sequence[str | Path],
    *,
    hint: str,
    environ: Mapping[str, str],
    folder: Path | None = None,
    descriptors: Collection[int] = (),
) -> str:
    """Run a program that installs something, and return what it printed.

    Raises
    ------
    InstallError
        It did not end well: `failed`, with the end of its output below, and the `hint`.
    """
    finished = subprocess.run(
        # It dies with this process: what lives on would write into what the next start makes anew.
        [*processes.tethered(), *command],
        cwd=folder,
        env=environ,
        pass_fds=tuple(descriptors),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if finished.returncode:
        tail = "\n".join(finished.stdout.strip().splitlines()[-15:])
        raise InstallError(f"{failed}\n{tail}", hint)
    return finished.stdout


def sync(subject: str, python: Path, locks: Sequence[Path], *options: str, descriptors: Collection[int] = ()) -> str:
    """Have the environment of `python` hold the packages of the locks, and no others.

    Raises
    ------
    InstallError
        uv could not.
    """
    arguments = ("pip", "sync", "--require-hashes", "--python", str(python), *options, *_places(locks))
    return uv(subject, *arguments, *map(str, locks), descriptors=descriptors)


def cache() -> Path:
    """Return the folder of uv's downloads."""
    return Path(uv("uv", "cache", "dir").strip())


def _places(locks: Sequence[Path]) -> tuple[str, ...]:
    """Return the options that lead uv to PyTorch's build for processors, if that is among the locks."""
    if all(lock.name != TORCH_LOCK for lock in locks):
        return ()
    for folder in os.environ.get("PIP_FIND_LINKS", "").split():
        if any(Path(folder).glob("torch-*.whl")):
            return ("--find-links", folder)
    return ("--torch-backend", "cpu")
