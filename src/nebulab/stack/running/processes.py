"""The processes of a stack: started, found again by the stack's id, terminated; runs on one machine.

The id is in the environment of each, which children inherit: so a part's jobs are found even when the part is gone.
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


def tethered() -> tuple[str | Path, ...]:
    """Return what to put before a command, so that it gets SIGTERM when this process dies."""
    return (sys.executable, "-I", "-S", _TETHER, str(os.getpid()))


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
            *tethered(),
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
    """Rotate `log` if it is large, and return a file descriptor that appends to it; the caller closes it."""
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
    """Terminate the processes, kill those that are left after `grace` seconds, and return the killed ones."""
    terminated = list(processes)
    for process in terminated:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    killed = _still_running(terminated, grace)
    for process in killed:
        with contextlib.suppress(psutil.Error):
            process.kill()
    _still_running(killed, 5)
    return killed


def _still_running(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait at most `seconds` for the processes to end, and return the others; a zombie has ended, whoever reaps it."""
    deadline = time.monotonic() + seconds
    while left := [process for process in processes if is_running(process)]:
        if time.monotonic() > deadline:
            break
        processes = left
        time.sleep(0.05)
    return left


def is_running(process: psutil.Process) -> bool:
    """Tell whether a process still runs: it is no zombie, and its pid is not another's by now."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def end_all(stack_id: str, *, grace: float) -> int:
    """Terminate all processes that carry `stack_id`, also those started meanwhile, and return their number.

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
