"""Prints addresses and accounts of a stack, the state of its parts, their logs; runs in a terminal."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Mapping, Sequence

import click
from rich.console import Console
from rich.table import Table

from nebulab.errors import NotRunning
from nebulab.stack import frameworks, system_user
from nebulab.stack.embedded import gate
from nebulab.stack.embedded.accounts import tell_once
from nebulab.stack.running import logs
from nebulab.stack.running.state import StackState
from nebulab.stack.settings import StackSettings

PARTS = ("galaxy", "proxy", "portal", "worker", "door", "supervisor")
"""Names of parts that have a log."""

_COLOURS = {"running": "green", "failed": "red", "gone": "red"}
_WIDE = 500
_ANSWERED = re.compile(r'INFO: +\S+ - "GET \S+ HTTP/[\d.]+" [23]\d\d\b')


def addresses(settings: StackSettings, running: StackState, console: Console) -> None:
    """Print the addresses and, the first time, the accounts."""
    lines = [
        ("Galaxy", running.part("galaxy").address or ""),
        ("Sessions' proxy", running.part("proxy").address or ""),
        ("Access portal", _portal(settings, running)),
        ("Isolation", running.isolation),
        ("Frameworks", _frameworks(settings, running)),
        ("Data", str(settings.data_dir)),
    ]
    secrets = tell_once(settings.secrets_file)
    if secrets is not None:
        lines += [
            ("Administrator", f"{secrets.admin.email}   password {secrets.admin.password}"),
            ("User", f"{secrets.user.email}   password {secrets.user.password}"),
            ("", f"shown this once; they stay in {settings.secrets_file}, which only you can read"),
        ]
    lines.append(("Stop it with", settings.typed("down")))
    width = max(len(name) for name, _ in lines) + 2
    for name, value in lines:
        console.print(f"{name:{width}}{value}", soft_wrap=True, markup=False, highlight=False)


def parts(stack: StackState) -> None:
    """Print a table of the parts, why the stack could not start, and what sessions run in."""
    table = Table(box=None, pad_edge=False)
    for title in ("part", "state", "address", "pid", "restarts", ""):
        table.add_column(title, overflow="fold")
    for part in stack.parts:
        colour = _COLOURS.get(part.state, "yellow")
        state = f"[{colour}]{part.state}[/{colour}]"
        table.add_row(part.name, state, part.address or "", str(part.pid or ""), str(part.restarts), part.message)
    console = _console()
    console.print(table)
    if stack.failure:
        console.print(stack.failure, markup=False)
    console.print(f"isolation: {stack.isolation}", markup=False, soft_wrap=True)


def frameworks_of(settings: StackSettings, stack: StackState) -> None:
    """Print the frameworks that sessions find, and how to get the rest."""
    click.echo(f"frameworks: {_frameworks(settings, stack)}")


def sessions(running: Sequence[Mapping[str, str]] | None) -> None:
    """Print a table of everybody's sessions; None: Galaxy did not tell."""
    if running is None:
        click.echo("sessions: Galaxy does not tell at the moment")
    elif not running:
        click.echo("sessions: none")
    else:
        table = Table(box=None, pad_edge=False)
        for title in ("session of", "state", "since (UTC)", "job"):
            table.add_column(title, overflow="fold")
        for session in running:
            since = session["started"].partition(".")[0].replace("T", " ")
            table.add_row(session["user"], session["state"], since, session["job"])
        click.echo()
        _console().print(table)


def log(settings: StackSettings, part: str | None, *, lines: int, follow: bool, everything: bool) -> None:
    """Print the last `lines` lines of the log of `part`, or of each; with `follow` also what comes, until Ctrl-C.

    Galaxy's lines on requests that it answered are left out, unless `everything` is wanted.

    Raises
    ------
    NotRunning
        There is none.
    """
    system_user.step_down(settings)
    files = {name: settings.log(name) for name in ([part] if part else PARTS)}
    if not follow and not any(path.exists() for path in files.values()):
        if part and settings.logs_dir.is_dir():
            raise NotRunning(
                f"The {part} has no log: it has not run on this stack.", "`nebulab status` shows what runs."
            )
        raise NotRunning(f"There are no logs below {settings.logs_dir} yet.", "`nebulab up` starts a stack.")

    def echo(name: str, line: str) -> None:
        click.echo(line if part else f"{name:10} | {line}")

    with contextlib.suppress(KeyboardInterrupt):
        logs.show(files, echo, lines=lines, follow=follow, keep=None if everything else _tells)


def _portal(settings: StackSettings, running: StackState) -> str:
    part = running.part("portal")
    if part.message:
        return f"{part.message}; {settings.typed('logs')} portal tells why"
    return f"{part.address}{_gate(settings)}"


def _gate(settings: StackSettings) -> str:
    if gate.is_on(settings):
        return ": who was given access there may run the tools, and administrators"
    return f" (everybody may run the tools: {settings.typed('up')} --require-access changes that)"


def _frameworks(settings: StackSettings, stack: StackState) -> str:
    if stack.isolation.startswith("container"):
        return "those of the image"
    return frameworks.described(settings.environment("kernels"), settings.typed("up"))


def _tells(line: str) -> bool:
    """Whether a line tells something: pages, sessions and the supervisor ask Galaxy all the time."""
    return _ANSWERED.match(line) is None


def _console() -> Console:
    # A program that reads this has no width, and a path that is broken in two is none.
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
