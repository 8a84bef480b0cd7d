"""A scheduler's own command, asked for its answer; runs where that is configured."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence


class NoAnswer(Exception):
    """The command failed, is not there, or was silent; the message says which."""


def answer(
    command: Sequence[str], seconds: float, *, environment: Mapping[str, str] | None = None, comes_with: str = ""
) -> str:
    """Return what a command prints; `comes_with` says where it can be had from.

    Raises
    ------
    NoAnswer
        There is none.
    """
    program = command[0]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL, env=environment
        )
    except FileNotFoundError:
        hint = f" ({comes_with})" if comes_with else ""
        raise NoAnswer(f"the command {program} is not on this machine{hint}") from None
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"{program} did not answer within {seconds:g} s") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise NoAnswer(f"{program} failed: {said[-1] if said else f'exit code {done.returncode}'}")
    return done.stdout
