"""A real stack, started with the command that a user types."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nebulab.develop import tests
from nebulab.stack.running import state

ROOT = Path(__file__).parents[2]
ENVIRONMENTS: Path = tests.ENVIRONMENTS.read(os.environ) or ROOT / ".work" / "environments"

SANDBOXED = ("--isolation", "bubblewrap")


@dataclass(frozen=True)
class Account:
    """Somebody who can log in."""

    email: str
    password: str = field(repr=False)
    key: str = field(repr=False)


@dataclass
class Stack:
    """A running stack below one data folder."""

    data_dir: Path
    url: str = ""
    proxy_url: str = ""
    admin: Account = field(default_factory=lambda: Account("", "", ""))
    user: Account = field(default_factory=lambda: Account("", "", ""))
    other: Account = field(default_factory=lambda: Account("", "", ""))

    @property
    def admin_key(self) -> str:
        return self.admin.key

    @property
    def environment(self) -> dict[str, str]:
        environment = os.environ | {tests.ENVIRONMENTS.name: str(ENVIRONMENTS)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return environment

    def nebulab(self, *arguments: str, check: bool = True, timeout: float = 1500) -> subprocess.CompletedProcess[str]:
        """Call `./nebulab <arguments> --data-dir …` as a user would.

        Sessions run in the sandbox unless a test says otherwise, whatever images lie on this machine.
        """
        if arguments[0] == "up" and "--isolation" not in arguments:
            arguments = (*arguments, *SANDBOXED)
        finished = subprocess.run(
            [str(ROOT / "nebulab"), *arguments, "--data-dir", str(self.data_dir)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check:
            assert finished.returncode == 0, f"nebulab {arguments}: {finished.stdout}\n{finished.stderr}"
        return finished

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.nebulab("status", "--json").stdout)
        return told

    def part(self, name: str) -> dict[str, Any]:
        """Return what `status --json` tells of a part; read where it reads it, since tests ask again and again."""
        known = state.read(self.data_dir)
        assert known is not None, f"no stack ran on {self.data_dir}"
        return asdict(known.part(name))

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        os.kill(self.part(name)["pid"], number)
