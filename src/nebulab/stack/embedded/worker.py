"""The stack's worker: the `python` by which Galaxy's jobs find it, its health check; runs on one machine.

The worker itself (`deploy/galaxy/nebulab_worker`) runs in Galaxy's environment, which knows nothing of this package.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
from pathlib import Path

from nebulab import contract, forwarding
from nebulab.files import private_folder, write_private
from nebulab.stack.settings import StackSettings

_READY = b"+"
_STAND_IN = """\
#!/bin/sh
# Written by `nebulab up`: what a bare `python` is in Galaxy's jobs. The worker runs Galaxy's own two programs without
# importing Galaxy anew; for all others, and where it can't, this is Galaxy's Python.
exec {python} -I -S -c {call} {python} {folder} "$@"
"""
_CALL = (
    "import sys; sys.path.insert(0, {code!r}); from nebulab_worker.client import main; "
    "main(*sys.argv[1:3], sys.argv[3:])"
)
_ACTIVATE = """\
# Written by `nebulab up`: Galaxy's jobs source it, as they would that of Galaxy's environment.
VIRTUAL_ENV={folder}
export VIRTUAL_ENV
PATH={programs}:"$PATH"
export PATH
"""


def python_home(settings: StackSettings) -> Path:
    """Return the VIRTUAL_ENV of Galaxy's jobs: they take it for Galaxy's, activate it and call its `python`."""
    return settings.worker_dir if settings.worker else settings.environment("galaxy")


def write(settings: StackSettings) -> None:
    """Lay out the worker's folder: `bin/python` and `bin/activate` for jobs; without a worker there is none.

    Each file is replaced at once: jobs may call it meanwhile.
    """
    if not settings.worker:
        shutil.rmtree(settings.worker_dir, ignore_errors=True)
        return
    private_folder(private_folder(settings.worker_dir) / "bin")
    for path, text in _programs(settings).items():
        if path.is_dir():
            shutil.rmtree(path)
        write_private(path, text, mode=0o700)


def _programs(settings: StackSettings) -> dict[Path, str]:
    """Return the files that jobs use in the worker's folder, each with its text."""
    programs = settings.worker_dir / "bin"
    python = settings.environment("galaxy") / "bin" / "python"
    stand_in = _STAND_IN.format(
        python=shlex.quote(str(python)),
        call=shlex.quote(_CALL.format(code=str(code(settings)))),
        folder=shlex.quote(str(settings.worker_dir)),
    )
    places = ":".join(shlex.quote(str(place)) for place in (programs, python.parent))
    activate = _ACTIVATE.format(folder=shlex.quote(str(settings.worker_dir)), programs=places)
    return {programs / "python": stand_in, programs / "activate": activate}


def code(settings: StackSettings) -> Path:
    """Return the folder from which Galaxy's Python imports `nebulab_worker`."""
    return settings.checkout / "deploy" / "galaxy"


async def serves(settings: StackSettings) -> bool:
    """The health check: whether the worker answers, and the files that lead to it are as `write` has written them."""
    programs = _programs(settings)
    try:
        whole = all(path.read_bytes() == text.encode() and os.access(path, os.X_OK) for path, text in programs.items())
    except OSError:
        whole = False
    return whole and await answers(settings.worker_dir)


async def answers(folder: Path) -> bool:
    """Tell whether the worker of `folder` answers: not while it imports or hangs, nor when a file of it is gone."""
    if not (
        (folder / contract.WORKER_TASKS).is_socket()
        and all((folder / "bin" / name).is_file() for name in ("python", "activate"))
    ):
        return False
    try:
        reader, writer = await forwarding.open_socket(folder / contract.WORKER_ALIVE)
    except OSError:
        return False
    try:
        async with asyncio.timeout(10):
            return await reader.read(1) == _READY
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
