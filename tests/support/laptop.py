"""`nebulab lab` as a person starts it in a terminal."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx

_ADDRESS = re.compile(r"Open (http://127\.0\.0\.1:\d+/\S+token=\S+)")


class Laptop:
    """One `nebulab lab`: what it says, the address it prints, and its end."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self.said = ""
        self.process = subprocess.Popen(
            argv,
            env={"PATH": os.environ["PATH"], **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.said += line

    @property
    def address(self) -> str:
        """Wait until it is printed."""
        deadline = time.monotonic() + 120
        while "Ctrl-C" not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)
        found = _ADDRESS.search(self.said)
        assert found is not None, self.said
        return found[1]

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.address).query)["token"][0]

    def owner(self) -> httpx.Client:
        """A client with the token."""
        parts = urlsplit(self.address)
        headers = {"Authorization": f"token {self.token}"}
        return httpx.Client(base_url=f"{parts.scheme}://{parts.netloc}", headers=headers, timeout=60)

    def end(self, number: int) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self, seconds: float = 60) -> int:
        """Wait for the end, and return the exit code."""
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code

    def __enter__(self) -> Laptop:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.ended()


def command_lines_with(text: str) -> list[str]:
    """Return the command lines on this machine that hold `text`, as `ps` shows them to everybody."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if text in line:
                found.append(line)
    return found
