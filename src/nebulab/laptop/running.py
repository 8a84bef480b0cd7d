"""A Lab's process: secrets on its standard input, its output, and signals that end it; runs in a terminal."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from nebulab.errors import ServerError
from nebulab.stack.running.ports import HOST

_OPENS = re.compile(r"Open http://\S+?(/\S*)\?token=\S+")
_LOOK_SECONDS = 0.1
_START_SECONDS = 180.0
_PUBLISHED_SECONDS = 15.0
_PATIENCE_SECONDS = 60.0
_LAST_LINES = 12
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(  # noqa: PLR0913 - each is given by name
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    secrets: Mapping[str, str],
    port: int,
    stop: Callable[[], None] | None,
    ready: Callable[[str], None],
    console: Console,
) -> int:
    """Run a session to its end, and return its exit code.

    Parameters
    ----------
    argv
        The command of the session, or of an engine that runs it in a container.
    secrets
        API_KEY and JUPYTER_TOKEN, written to its standard input, which stays open as long as this process lives.
    port
        The session's port on loopback.
    stop
        Stops a session that is no child of this process; called until it has ended.
    ready
        Called with the URL once the session answers there.

    Raises
    ------
    ServerError
        It ended before it answered, or answered too late; the message ends with its last lines.
    """
    stopping = threading.Event()
    with (
        _signals(stopping),
        # In a process group of its own: SIGINT of the terminal is for this process.
        subprocess.Popen(
            argv,
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process,
    ):
        output = _Output(process, console)
        try:
            assert process.stdin is not None  # noqa: S101 - asked for above
            with contextlib.suppress(OSError):
                process.stdin.write(json.dumps(dict(secrets)) + "\n")
                process.stdin.flush()
            with console.status("Starting JupyterLab …"):
                path = _wait_for_path(process, output, stopping)
            if path is not None:
                _wait_for_port(port, secrets["JUPYTER_TOKEN"])
                ready(f"http://{HOST}:{port}{path}?token={secrets['JUPYTER_TOKEN']}")
                while process.poll() is None and not stopping.wait(_LOOK_SECONDS):
                    pass
        finally:
            if stopping.is_set():
                console.print("Ending …")
            _end(process, stop)
            output.join()
    if path is None and not stopping.is_set():
        raise ServerError(f"The Lab did not start (exit code {process.returncode}).", output.last())
    return process.returncode


class _Output:
    """A thread that copies the process's output to the console, but for its own URL, which is not the one to open."""

    def __init__(self, process: subprocess.Popen[str], console: Console) -> None:
        self._process = process
        self._console = console
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self.path: str | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - asked for by `run`
        with contextlib.suppress(ValueError):
            for line in self._process.stdout:
                url = _OPENS.search(line)
                if url:
                    self.path = url[1]
                    continue
                self._lines.append(line.rstrip())
                # If the terminal is closed, the pipe must be read all the same: a full one would block the Lab.
                with contextlib.suppress(OSError):
                    self._console.print(line.rstrip(), markup=False, soft_wrap=True)

    def last(self) -> str:
        return "Its last lines:\n" + "\n".join(self._lines) if self._lines else ""

    def join(self) -> None:
        """Wait for the last lines, not for a grandchild that keeps the pipe open."""
        self._thread.join(2)


def _wait_for_path(process: subprocess.Popen[str], output: _Output, stopping: threading.Event) -> str | None:
    """Return the page's path once the session has printed it; None if it ended, or is to end."""
    deadline = time.monotonic() + _START_SECONDS
    while output.path is None and process.poll() is None and not stopping.wait(_LOOK_SECONDS):
        if time.monotonic() > deadline:
            raise ServerError(f"The Lab did not answer within {_START_SECONDS:.0f} s.", output.last())
    return output.path


def _wait_for_port(port: int, token: str) -> None:
    """Wait until the Lab answers at the published port."""
    deadline = time.monotonic() + _PUBLISHED_SECONDS
    request = urllib.request.Request(f"http://{HOST}:{port}/api/status", headers={"Authorization": f"token {token}"})
    # No proxy stands before this machine itself.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            direct.open(request, timeout=5).close()
        except urllib.error.HTTPError as error:
            raise ServerError(
                f"Something else answers at port {port}: {error}.", "Choose another one: --port"
            ) from error
        except OSError as error:
            if time.monotonic() > deadline:
                raise ServerError(
                    f"The Lab runs, and port {port} does not lead to it: {error}.",
                    "Does the engine publish ports on this machine? --no-container does without.",
                ) from error
            time.sleep(_LOOK_SECONDS)
        else:
            return


def _end(process: subprocess.Popen[str], stop: Callable[[], None] | None) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with contextlib.suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()
    while process.poll() is None and time.monotonic() < deadline:
        if stop is not None:
            stop()
        else:
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
    if process.poll() is None:
        process.kill()


@contextlib.contextmanager
def _signals(stopping: threading.Event) -> Iterator[None]:
    """Set `stopping` at SIGINT, SIGTERM and SIGHUP."""

    def note(number: int, frame: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
