"""A session or a job as a command starts it: the secrets out of the environment, then settings and the run; runs in the
session process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from nebulab import contract, linux
from nebulab.session import credentials, settings, standalone
from nebulab.session.run import run


def session(named: Mapping[str, Any], *, alone: bool = False, secrets: TextIO | None = None) -> int:
    """Run one session in this folder to its end, and return the command's exit code.

    Parameters
    ----------
    named
        The command's options, as `settings.read` has them.
    alone
        Whether this folder is served to one person, without Galaxy.
    secrets
        Where a line of JSON holds API_KEY and JUPYTER_TOKEN, and whose end ends the session.

    Raises
    ------
    NebulabError
        The session can't start.
    """
    linux.keep_memory_private()
    key = credentials.take_key()
    ticket = credentials.take_ticket()
    hours_ticket = credentials.forget(contract.HOURS_TICKET) or ""
    given = {} if secrets is None else standalone.secrets(secrets)
    key = given.pop("API_KEY", key)
    read = settings.read(
        {**os.environ, **given},
        root=Path.cwd(),
        key=key,
        ticket=ticket,
        hours_ticket=hours_ticket,
        held=secrets is not None,
        layout=standalone.layout(Path.cwd(), os.environ) if alone else None,
        **named,
    )
    credentials.forget("JUPYTER_TOKEN")
    credentials.forget("NOTEBOOK_PASSWORD")
    return run(read, dict(os.environ))


def job(named: Mapping[str, Any]) -> int:
    """Run a notebook or a script as a job in this folder to its end, and return the command's exit code.

    `named` are the command's options, as `settings.read` has them.

    Raises
    ------
    NebulabError
        The job can't start.
    """
    linux.keep_memory_private()
    key = credentials.take_key()
    credentials.forget(contract.HOURS_TICKET)
    read = settings.read(os.environ, root=Path.cwd(), key=key, mode="job", **named)
    return run(read, dict(os.environ))
