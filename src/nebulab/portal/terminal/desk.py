"""What every command of `nebulab access` does: open the portal's data, act as somebody, print what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from nebulab import contract
from nebulab.errors import NotThere, SettingsError
from nebulab.files import this_user
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
        The portal has not run yet, or with another version of its tables.
    SettingsError
        Its database does not answer.
    """
    # A terminal has none of the service's variables, and its mails would lead to the wrong addresses.
    settings = reading.read_kept()
    if not settings.has_data:
        raise NotThere(
            f"There is no portal's data in {settings.folder}.",
            "NEBULAB_PORTAL_DIR names the folder of the running portal.",
        )
    context = Context(settings, read_domains(settings.domains_file))
    url = make_url(settings.database_url)
    # A mistyped path would become a new file.
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise NotThere(f"There is no database {url}.", f"Look at {contract.PORTAL_DATABASE}.")
    with Database(settings.database_url) as database:
        _check(database)
        with database.writing() as session:
            yield session, context


def _check(database: Database) -> None:
    shown = database.url.render_as_string()
    try:
        there, wanted = database.revision()
    except DBAPIError as error:
        raise SettingsError(f"{shown} does not answer: {error.orig}.", f"Look at {contract.PORTAL_DATABASE}.") from None
    if there != wanted:
        raise NotThere(
            f"{shown} has {'tables of another version' if there else 'none of the portal’s tables'}.",
            "Start the portal of this version: it brings them up to date.",
        )


def me() -> Actor:
    """Return who acts here: the system user of the terminal, by its number where the machine has no name for it."""
    name = f"system user {this_user()}"
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
