"""`nebulab session` and `nebulab job` of the Lab's environment started by hand: real parts in their sandbox."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from support.galaxy import wait_for
from support.session import Session
from support.stack import ENVIRONMENTS, Stack

_ADDRESS = re.compile(r"Open (http://127\.0\.0\.1:\d+)(\S+)")


class ByHand:
    """A session in `folder`, or another `command`; `variables` come on top of what it needs."""

    def __init__(self, folder: Path, *options: str, command: str = "session", **variables: str) -> None:
        self.folder = folder
        self.work = folder / "jupyter"
        folder.mkdir(parents=True, exist_ok=True)
        self.lines: list[str] = []
        environment = {
            "PATH": f"{ENVIRONMENTS / 'lab' / 'bin'}:{os.environ['PATH']}",
            "NEBULAB_KERNELS": str(ENVIRONMENTS / "kernels"),
        } | variables
        self.process = subprocess.Popen(
            [str(ENVIRONMENTS / "lab" / "bin" / "nebulab"), command, *(options or ("--mode", "scratch"))],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as said:
            self.lines.extend(said)

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def opened(self) -> Session:
        """Wait until JupyterLab answers."""

        def address() -> re.Match[str] | None:
            assert self.process.poll() is None, self.said
            return _ADDRESS.search(self.said)

        found = wait_for("JupyterLab's address", address, 120)
        return Session(cast(Stack, SimpleNamespace(proxy_url=found[1])), found[1] + found[2])

    def collected(self, name: str = "output_collection") -> dict[str, bytes]:
        """What Galaxy would collect now."""
        listed: dict[str, Any] = json.loads((self.folder / "galaxy.json").read_text())
        return {one["name"]: (self.folder / one["filename"]).read_bytes() for one in listed[name]["elements"]}

    def stop(self) -> int:
        """Stop the session as Galaxy does, and return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(60)
        self._reader.join()
        return code
