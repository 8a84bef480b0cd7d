"""Starts processes that belong to a stack, finds all of them again, and ends them; runs on one machine.

Every process of a stack carries the stack's id in its environment, which children inherit: so a part's jobs are found
even when the part is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

from nebulab.contract import STACK

_TETHER = Path(__file__).with_name("tether.py")
# They would point a part at the packages of this process, override Galaxy's configuration, or slow its imports.
_NOT_INHERITED = ("GALAXY_", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
_LARGEST_OLD_LOG = 20 * 1024 * 1024


async def start(
    command: Sequence[str | Path], *, stack_id: str, environment: Mapping[str, str], folder: Path, log: Path
) -> asyncio.subprocess.Process:
    """Start `command` in `folder`, its output appended to `log`; it gets SIGTERM when this process dies.

    `environment` is added to this process's own.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    descriptor = open_log(log)
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", _TETHER, str(os.getpid())),
            *command,
            cwd=folder,
            env=inherited | {STACK: stack_id, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            # Ctrl-C in the terminal must reach the supervisor alone, which then stops the parts in order.
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


def open_log(log: Path) -> int:
    """Return a descriptor that appends to `log`, after setting a large one aside; the caller closes it."""
    if log.exists() and log.stat().st_size > _LARGEST_OLD_LOG:
        log.replace(log.with_suffix(".log.1"))
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def carrying(stack_id: str) -> list[psutil.Process]:
    """Return the processes that carry `stack_id` in their environment, and all their descendants."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(STACK) == stack_id:
                found[process.pid] = process
    for process in list(found.values()):
        with contextlib.suppress(psutil.Error, OSError):
            found |= {child.pid: child for child in process.children(recursive=True)}
    found.pop(os.getpid(), None)
    return [process for process in found.values() if is_running(process)]


def end(processes: Iterable[psutil.Process], *, grace: float) -> list[psutil.Process]:
    """Ask the processes to end, after `grace` seconds make them; return those that had to be made."""
    asked = list(processes)
    for process in asked:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    stubborn = _still_there(asked, grace)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
    _still_there(stubborn, 5)
    return stubborn


def _still_there(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait, and return those that run on; one that only waits to be reaped is over, whoever is to do that."""
    deadline = time.monotonic() + seconds
    while left := [process for process in processes if is_running(process)]:
        if time.monotonic() > deadline:
            break
        processes = left
        time.sleep(0.05)
    return left


def is_running(process: psutil.Process) -> bool:
    """Tell whether a process, and no later one of its number, still computes."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def end_all(stack_id: str, *, grace: float) -> int:
    """End all that carries `stack_id`, also what is started meanwhile, and return how many processes that were.

    What can't be killed, as a process that waits for a broken disk, is left: `carrying` tells.
    """
    ended: set[psutil.Process] = set()
    while not ended.issuperset(processes := carrying(stack_id)):
        end(processes, grace=grace)
        ended.update(processes)
        grace = min(grace, 1)
    return len(ended)


def described(process: psutil.Process) -> str:
    """Return a process's number and program, for a message."""
    name = ""
    with contextlib.suppress(psutil.Error):
        name = process.name()
    return f"{process.pid} ({name})" if name else str(process.pid)


def session_folder(process: psutil.Process) -> str | None:
    """Return the working folder of a session or a training, None for any other process."""
    with contextlib.suppress(psutil.Error, OSError):
        arguments = process.cmdline()
        programs = [Path(argument).name for argument in arguments[:3]]
        if "nebulab" in programs and {"session", "job"} & set(arguments):
            return str(process.cwd())
    return None


def is_alive(pid: int, started: float) -> bool:
    """Tell whether `pid` is still the process that started at `started` (seconds since the epoch)."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return is_running(process) and bool(abs(process.create_time() - started) < 1)
    return False
