"""The keeper of one program that runs in a fork of the worker: starts it, kills it with its job, reports its exit code.

A keeper is a process of its own, so that running programs outlive the worker.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import runpy
import select
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from nebulab_worker import messages

_PR_SET_PDEATHSIG = 1
_REQUEST_SECONDS = 30
_END_SECONDS = 5
_LOOKS = 10
"""Number of looks at a program in the time after which it counts as stuck; one a minute at least."""
_LONGEST_PAUSE_SECONDS = 60

# Indices among the fields of /proc/<pid>/stat that follow the program's name (proc(5)).
_SESSION, _USER_TIME, _SYSTEM_TIME = 3, 11, 12

_libc = ctypes.CDLL(None)


def keep(connection: socket.socket, stuck_seconds: float) -> None:
    """Run the program that is requested on `connection`, and return when it has ended.

    Parameters
    ----------
    stuck_seconds
        Time after which a program that used no processor, read nothing and wrote nothing is killed.
    """
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    connection.settimeout(_REQUEST_SECONDS)
    connection.sendall(messages.READY)
    received = messages.receive(connection)
    if received is None:
        return
    request, descriptors = received
    keeper = os.getpid()
    task = os.fork()
    if task == 0:
        connection.close()
        _run(request, descriptors, keeper)
    status = _watch(task, connection, descriptors[2], stuck_seconds)
    with contextlib.suppress(OSError):
        connection.sendall(f"signal {-status}".encode() if status < 0 else f"exit {status}".encode())


def _watch(task: int, connection: socket.socket, errors: int, stuck_seconds: float) -> int:
    """Wait for the process `task`, and return its exit code, negative for a signal."""
    pidfd = os.pidfd_open(task)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    # The caller sends nothing more: readable means EOF.
    poll.register(connection, select.POLLIN)
    pause = min(stuck_seconds / _LOOKS, _LONGEST_PAUSE_SECONDS)
    work, since = _work(task), time.monotonic()
    while True:
        ready = {descriptor for descriptor, _ in poll.poll(1000 * pause)}
        if pidfd in ready:
            break
        if connection.fileno() in ready:
            _end(task, pidfd)
            break
        now = _work(task)
        if now != work:
            work, since = now, time.monotonic()
        elif time.monotonic() - since > stuck_seconds:
            text = f"Killed: it had done nothing for {stuck_seconds / 60:.0f} minutes (no computing, reading, writing)."
            with contextlib.suppress(OSError):
                os.write(errors, f"{text} Run it again; what it waited for, such as a server, may be back.\n".encode())
            _end(task, pidfd)
            break
    _, status = os.waitpid(task, 0)
    # Processes that it has left behind.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(task, signal.SIGKILL)
    return os.waitstatus_to_exitcode(status)


def _end(task: int, pidfd: int) -> None:
    """Terminate `task` and its process group, then kill them, as Galaxy ends a job."""
    _kill(task, signal.SIGTERM)
    if not select.select([pidfd], [], [], _END_SECONDS)[0]:
        _kill(task, signal.SIGKILL)


def _kill(task: int, number: int) -> None:
    """Send a signal to `task` and to the process group that it leads; it has none before it called setsid."""
    for send in (os.kill, os.killpg):
        with contextlib.suppress(ProcessLookupError):
            send(task, number)


def _work(task: int) -> list[tuple[str, str, str, str]]:
    """Return the processor times and I/O counters of all processes in the session of `task`."""
    figures = []
    for process in Path("/proc").glob("[0-9]*"):
        # The process may have ended since it was listed.
        with contextlib.suppress(OSError):
            fields = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[_SESSION]) == task:
                transferred = (process / "io").read_text()
                figures.append((process.name, fields[_USER_TIME], fields[_SYSTEM_TIME], transferred))
    return figures


def _run(request: messages.Request, descriptors: Sequence[int], keeper: int) -> NoReturn:
    """Run the program in this fork, and exit with its code."""
    code = 1
    try:
        os.setsid()
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(1)
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.umask(request.umask)
        os.chdir(request.folder)
        os.environ.clear()
        os.environ.update(entry.partition("=")[::2] for entry in request.environment)
        tempfile.tempdir = None
        code = _call(request.arguments)
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BaseException:  # noqa: BLE001 - a fork must end here, never in its parent's code
        traceback.print_exc()
        code = code or 1
    finally:
        os._exit(code)


def _call(arguments: Sequence[str]) -> int:
    """Run a script as Python would, and return its exit code."""
    script = arguments[0]
    sys.argv = list(arguments)
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))  # noqa: PTH100, PTH120 - as Python itself
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:  # noqa: BLE001 - as Python itself: whatever a script raises ends it with 1
        traceback.print_exc()
        return 1
    return 0
