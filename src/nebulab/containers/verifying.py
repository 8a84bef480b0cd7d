"""Runs what verifies an image inside of it: each script of `image/verify`; runs in a checkout."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import click

from nebulab.containers import images
from nebulab.containers.engine import Engine
from nebulab.containers.walls import hardening, limits

_VERIFY = "/opt/nebulab/verify"
_STRANGER = "12345:54321"
_SCRIPT_SECONDS = 900


@dataclass(frozen=True)
class Verified:
    """What one script of `image/verify` said: its path below there, its exit code, its output, the seconds it took."""

    script: str
    code: int
    output: str
    seconds: float


def verify_all(checkout: Path, engine: Engine, tag: str, only: str = "") -> bool:
    """Run the scripts for the image `tag` that have `only` in their path, print the results; tell whether all passed.

    Raises
    ------
    ImageError
        There is no such image, or it is none of ours.
    """
    passed = True
    for script in scripts(checkout, images.variant_of(engine, tag)):
        if only not in script:
            continue
        verified = verify(engine, tag, script)
        click.echo(f"{'ok    ' if verified.code == 0 else 'FAILED'}  {script}  {verified.seconds:.0f} s")
        if verified.code:
            passed = False
            click.echo(verified.output, err=True)
    return passed


def scripts(checkout: Path, variant: str) -> list[str]:
    """Return the scripts that verify `variant`, as paths below `image/verify`."""
    folders = ["every", *([] if variant == "lab" else ["frameworks"])]
    verify = checkout / "image" / "verify"
    return [
        str(path.relative_to(verify))
        for folder in folders
        for path in sorted((verify / folder).iterdir())
        if os.access(path, os.X_OK)
    ]


def verify(engine: Engine, tag: str, script: str, *, memory_mb: int = 6144) -> Verified:
    """Run one script inside `tag`: as a user that it does not know, without rights, without a network."""
    walls = [*hardening(memory_mb), *limits(memory_mb=memory_mb, cpus=os.cpu_count() or 1)]
    command = [engine.name, "run", "--rm", "--network", "none", "--user", _STRANGER, *walls, "--workdir", "/tmp"]  # noqa: S108
    began = time.monotonic()
    try:
        finished = subprocess.run(
            [*command, tag, f"{_VERIFY}/{script}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SCRIPT_SECONDS,
        )
        code, output = finished.returncode, finished.stdout
    except subprocess.TimeoutExpired:
        code, output = -1, f"It did not end within {_SCRIPT_SECONDS} s."
    return Verified(script, code, output, time.monotonic() - began)
