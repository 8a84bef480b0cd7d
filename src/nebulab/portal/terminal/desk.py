"""What every command of `nebulab access` does: open the portal's data, act as somebody, print what became of it."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import click
from sqlalchemy.orm import Session

from nebulab.errors import NotThere
from nebulab.portal import settings as reading
from nebulab.portal.data.database import Database
from nebulab.portal.rules import errands
from nebulab.portal.rules.context import Actor, Context
from nebulab.portal.rules.domains import read_domains


@contextmanager
def desk() -> Iterator[tuple[Session, Context]]:
    """Yield the database, in a transaction, and the rules.

    Raises
    ------
    NotThere
        The portal has not run yet.
    """
    # A terminal has none of the service's variables, and its mails would lead to the wrong addresses.
    settings = reading.read_kept()
    if not settings.has_data:
        raise NotThere(
            f"There is no portal's data in {settings.folder}.",
            "NEBULAB_PORTAL_DIR names the folder of the running portal.",
        )
    context = Context(settings, read_domains(settings.domains_file))
    with Database(settings.database_url) as database, database.writing() as session:
        yield session, context


def me() -> Actor:
    """Return who acts here: the system user of the terminal."""
    name = f"system user {getpass.getuser()}"
    return Actor(name[:64], name)


def done(session: Session, row: dict[str, Any], *, as_json: bool) -> None:
    """Print what was changed, and how much the running portal has yet to pass on."""
    session.flush()
    waiting = errands.count_waiting(session)
    if as_json:
        click.echo(json.dumps(row | {"waiting": waiting}, default=plain))
        return
    print_row(row)
    click.echo(f"The running portal tells Galaxy and sends the mails: {waiting} to do.")


def all_pages(read: Any) -> Iterator[Any]:
    """Yield what all pages of a list hold, which `read` returns by their numbers."""
    page = 1
    while found := read(page):
        yield from found
        page += 1


def print_row(row: dict[str, Any]) -> None:
    """Print a line for each value that is there."""
    for name, value in row.items():
        if value not in (None, ""):
            click.echo(f"{name:<14} {plain(value)}")


def plain(value: Any) -> Any:
    """Return a value as JSON and a terminal can show it."""
    return value.isoformat() if isinstance(value, date | datetime) else "" if value is None else value
