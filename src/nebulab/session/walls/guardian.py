"""The guardian: a child subreaper between the session and JupyterLab, which kills what JupyterLab leaves behind.

It adopts every process below JupyterLab whose parent ended, even one that called setsid (kernels and terminals do), and
kills them all: when JupyterLab ends, on SIGTERM, and when the session's process is killed. It is forked, not started
anew: it costs no second interpreter.
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
    """Exit code of JupyterLab; negative for a signal, as in `subprocess`."""

    def poll(self) -> int | None:
        """Return JupyterLab's exit code, or None while it runs."""
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
        """Terminate every process below the guardian, and return when none is left."""
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

    `largest_file`, in bytes, becomes the limit on file sizes (RLIMIT_FSIZE) of all processes below the guardian.
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
        # Not sys.exit: the session's atexit handlers and buffers, which were forked along, must not run here.
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
    _close_inherited_descriptors()
    status: int | None = None
    while status is None:
        received = signal.sigtimedwait({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}, 5)
        must_end = received is not None and received.si_signo != signal.SIGCHLD
        status = _reap(child.pid)
        if must_end and status is None:
            _signal_all(signal.SIGTERM)
            status = _reap_until(child.pid, _GRACE_SECONDS)
            break
    status = _kill_the_rest(child.pid, status)
    return status if status >= 0 else _SHELL_SIGNAL_BASE - status


def _limit_files(size: int | None) -> None:
    """Set the soft and the hard RLIMIT_FSIZE, so that no child can raise it again."""
    if size is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def _close_inherited_descriptors() -> None:
    """Close the session's file descriptors: its sockets and pipes would otherwise outlive it here."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _reap(main: int) -> int | None:
    """Reap all children that have exited; return the exit code of the child `main` if it was among them."""
    code = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == main:
                code = os.waitstatus_to_exitcode(status)
    return code


def _reap_until(main: int, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    status = None
    while linux.descendants(os.getpid()) and time.monotonic() < deadline:
        code = _reap(main)
        status = code if code is not None else status
        time.sleep(0.02)
    return status


def _kill_the_rest(main: int, status: int | None) -> int:
    while linux.descendants(os.getpid()):
        _signal_all(signal.SIGKILL)
        code = _reap_until(main, 0.2)
        status = code if code is not None else status
    code = _reap(main)
    status = code if code is not None else status
    return -signal.SIGKILL if status is None else status


def _signal_all(number: int) -> None:
    for pid in linux.descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
