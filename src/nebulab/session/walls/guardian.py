"""A small process between the session and JupyterLab which leaves none of JupyterLab's children behind; one a session.

It adopts every process that JupyterLab starts, even one that made itself a session of its own (kernels and terminals
do), and ends them all: when JupyterLab ends, when it is told to (SIGTERM), and when the session's process is killed.
It is forked, not started: it costs no second interpreter.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from nebulab import linux

_GRACE_SECONDS = 2.0
_SHELL_SIGNAL_BASE = 128


@dataclass
class Guarded:
    """The guardian's process, from the session's side."""

    pid: int
    status: int | None = None
    """Exit code of JupyterLab; a negative one is a signal's number, as in `subprocess`."""

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        if self.status is None:
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.status = _subprocess_code(os.waitstatus_to_exitcode(status))
        return self.status

    def wait(self, seconds: float) -> int | None:
        """Wait at most `seconds` for the end, and return the exit code or None."""
        deadline = time.monotonic() + seconds
        while self.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.status

    def stop(self, seconds: float = 10) -> None:
        """End everything below the guardian, and return when nothing is left."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
        if self.wait(seconds) is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait(1)


def _subprocess_code(code: int) -> int:
    return _SHELL_SIGNAL_BASE - code if code > _SHELL_SIGNAL_BASE else code


def spawn(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    folder: Path,
    log: Path,
    largest_file: int | None = None,
) -> Guarded:
    """Start `argv` under a guardian; its output goes to `log`. To be called before any thread or event loop exists.

    No file that it writes, nor anything below it, can become larger than `largest_file` bytes.
    """
    session = os.getpid()
    pid = os.fork()
    if pid == 0:
        _limit_files(largest_file)
        _guard(session, argv, environment, folder, log)
    return Guarded(pid)


def _guard(session: int, argv: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> NoReturn:
    code = 1
    try:
        code = _guard_to_the_end(session, argv, environment, folder, log)
    except OSError as error:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{argv[0]}: {error}\n")
    finally:
        # Not sys.exit: what the session had open and registered is not this process's to end.
        os._exit(code)


def _guard_to_the_end(
    session: int, argv: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path
) -> int:
    # A `kill -9` of the session's process group must not reach the guardian.
    os.setsid()
    os.umask(0o077)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
    linux.adopt_orphans()
    linux.parent_death_signal()
    if os.getppid() != session:
        return 1
    with log.open("ab") as output:
        child = subprocess.Popen(
            argv,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_unblock,
        )
    _let_go_of_the_sessions_files()
    status: int | None = None
    while status is None:
        received = signal.sigtimedwait({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}, 5)
        told = received is not None and received.si_signo != signal.SIGCHLD
        status = _reap(child.pid)
        if told and status is None:
            _end_all(signal.SIGTERM)
            status = _reap_until(child.pid, _GRACE_SECONDS)
            break
    status = _kill_the_rest(child.pid, status)
    return status if status >= 0 else _SHELL_SIGNAL_BASE - status


def _limit_files(size: int | None) -> None:
    """Hard and soft: who starts below must not take it back."""
    if size is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def _let_go_of_the_sessions_files() -> None:
    """Sockets and pipes which the session has open would otherwise outlive it here."""
    empty = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(empty, standard)
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _reap(main: int) -> int | None:
    """Collect what ended; return the main child's exit code if it was among them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == main:
                found = os.waitstatus_to_exitcode(status)
    return found


def _reap_until(main: int, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    status = None
    while linux.descendants(os.getpid()) and time.monotonic() < deadline:
        found = _reap(main)
        status = found if found is not None else status
        time.sleep(0.02)
    return status


def _kill_the_rest(main: int, status: int | None) -> int:
    while linux.descendants(os.getpid()):
        _end_all(signal.SIGKILL)
        found = _reap_until(main, 0.2)
        status = found if found is not None else status
    found = _reap(main)
    status = found if found is not None else status
    return -signal.SIGKILL if status is None else status


def _end_all(number: int) -> None:
    for pid in linux.descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
