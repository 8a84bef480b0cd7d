"""A Lab's process from its start to its end: secrets in, what it says out, every way to stop it; runs in a terminal."""

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


def run(  # noqa: PLR0913 - what a server is started with, by name
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
        The session, or an engine's command that runs it in a container.
    secrets
        API_KEY and JUPYTER_TOKEN, written to its standard input, which stays open as long as this process lives.
    port
        Where it is reached on loopback.
    stop
        Ends what runs elsewhere than in this process's own child; called until it is over.
    ready
        Called with the address once it answers there.

    Raises
    ------
    ServerError
        It ended before it answered, or answered too late; the message ends with what it said last.
    """
    asked = threading.Event()
    with (
        _signals(asked),
        # In a group of its own: Ctrl-C in the terminal is this process's to answer.
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
        said = _Said(process, console)
        try:
            assert process.stdin is not None  # noqa: S101 - asked for above
            with contextlib.suppress(OSError):
                process.stdin.write(json.dumps(dict(secrets)) + "\n")
                process.stdin.flush()
            with console.status("Starting JupyterLab …"):
                path = _opened(process, said, asked)
            if path is not None:
                _published(port, secrets["JUPYTER_TOKEN"])
                ready(f"http://{HOST}:{port}{path}?token={secrets['JUPYTER_TOKEN']}")
                while process.poll() is None and not asked.wait(_LOOK_SECONDS):
                    pass
        finally:
            if asked.is_set():
                console.print("Ending …")
            _end(process, stop)
            said.rest()
    if path is None and not asked.is_set():
        raise ServerError(f"The Lab did not start (exit code {process.returncode}).", said.last())
    return process.returncode


class _Said:
    """What the process says: passed on, but for its own address, which is not the one to open."""

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
                found = _OPENS.search(line)
                if found:
                    self.path = found[1]
                    continue
                self._lines.append(line.rstrip())
                # A terminal that is gone must not keep the pipe, and so the Lab, from going on.
                with contextlib.suppress(OSError):
                    self._console.print(line.rstrip(), markup=False, soft_wrap=True)

    def last(self) -> str:
        return "Its last lines:\n" + "\n".join(self._lines) if self._lines else ""

    def rest(self) -> None:
        """Wait for what is still under way; a grandchild that holds the pipe is not waited for."""
        self._thread.join(2)


def _opened(process: subprocess.Popen[str], said: _Said, asked: threading.Event) -> str | None:
    """Return the page's path once the session answers inside; None if it ended, or is to end."""
    deadline = time.monotonic() + _START_SECONDS
    while said.path is None and process.poll() is None and not asked.wait(_LOOK_SECONDS):
        if time.monotonic() > deadline:
            raise ServerError(f"The Lab did not answer within {_START_SECONDS:.0f} s.", said.last())
    return said.path


def _published(port: int, token: str) -> None:
    """Return when the Lab answers where the person's browser will ask."""
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
def _signals(asked: threading.Event) -> Iterator[None]:
    """Have Ctrl-C, SIGTERM and a closed terminal set `asked`."""

    def note(number: int, frame: FrameType | None) -> None:
        asked.set()

    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
