"""What `nebulab portal` and `nebulab access` do and print; runs in a terminal beside Galaxy."""

from __future__ import annotations

import getpass
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from nebulab.errors import NotThere
from nebulab.portal import backup
from nebulab.portal import settings as reading
from nebulab.portal.checking import check
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Access, Application, State
from nebulab.portal.rules import accesses, decisions, errands
from nebulab.portal.rules.context import Actor, Context
from nebulab.portal.rules.domains import read_domains
from nebulab.portal.serve import serve as serve_forever

_FIELDS = (
    "id", "state", "email", "standing", "project", "group_leader", "institution", "purpose", "gpu_need", "wanted_until",
    "tool", "submitted", "confirmed", "decided", "decided_by", "reason", "answer",
)  # fmt: skip


def serve() -> None:
    """Serve until a signal."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    # Each request of the chores, with what Galaxy answered: nobody reads that.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    serve_forever(reading.read())


def print_check() -> bool:
    """Print what each check found, and return whether all is well."""
    well = True
    for finding in check(reading.read()):
        well = well and not finding.fault
        click.secho(f"{finding.what:<10} {finding.fault or finding.told}", fg="red" if finding.fault else None)
    return well


def show_list(state: str, *, as_json: bool) -> None:
    """Print the accesses that last (`active`), those that have ended (`ended`), or applications of a state."""
    with _desk() as (session, _):
        rows = _accesses(session, state) if state in {"active", "ended"} else _applications(session, state)
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=_plain))
        return
    for row in rows:
        click.echo("  ".join(str(_plain(value)) for value in list(row.values())[:6]))
    if not rows:
        click.echo("There are none.")


def _accesses(session: Session, state: str) -> list[dict[str, Any]]:
    return [_access(each) for each in _all_pages(lambda page: accesses.listed(session, page, ended=state == "ended"))]


def _applications(session: Session, state: str) -> list[dict[str, Any]]:
    return [_short(each) for each in _all_pages(lambda page: decisions.queue(session, State(state), page))]


def _all_pages(read: Any) -> Iterator[Any]:
    page = 1
    while found := read(page):
        yield from found
        page += 1


def show_one(name: str, *, as_json: bool) -> None:
    """Print an application, by its id, or an access, by the account's address or id."""
    with _desk() as (session, _):
        found = session.get(Application, name)
        row = _long(found) if found is not None else _access(accesses.find(session, name))
    click.echo(json.dumps(row, indent=2, default=_plain)) if as_json else _print(row)


def approve(application: str, until: str, *, as_json: bool) -> None:
    """Approve an application."""
    with _desk() as (session, context):
        day = decisions.approve(session, application, version=None, actor=_me(), context=context, until=until)
        _done(session, {"application": application, "state": "approved", "until": day}, as_json=as_json)


def refuse(application: str, reason: str, *, as_json: bool) -> None:
    """Refuse an application."""
    with _desk() as (session, context):
        decisions.refuse(session, application, version=None, actor=_me(), context=context, reason=reason)
        _done(session, {"application": application, "state": "refused"}, as_json=as_json)


def revoke(person: str, reason: str, *, as_json: bool) -> None:
    """End somebody's access."""
    with _desk() as (session, context):
        accesses.revoke(session, person, version=None, actor=_me(), context=context, reason=reason)
        _done(session, {"account": person, "state": "revoked"}, as_json=as_json)


def remind(*, as_json: bool) -> None:
    """Send the reminders that are due."""
    with _desk() as (session, context):
        count = accesses.remind(session, context, _me())
        _done(session, {"reminded": count}, as_json=as_json)


def back_up(file: Path) -> None:
    """Write the portal's data to a file."""
    count = backup.back_up(reading.read_kept(), file)
    click.echo(f"{file}: {count:,} rows. It holds people's names and addresses: keep it as you keep those.")


def restore(file: Path) -> None:
    """Put the data of a file into an empty database."""
    count = backup.restore(reading.read_kept(), file)
    click.echo(f"Restored {count:,} rows. Start the portal; its page State tells what differs from Galaxy.")


@contextmanager
def _desk() -> Iterator[tuple[Session, Context]]:
    """Yield the database, in a transaction, and the rules.

    Raises
    ------
    NotThere
        The portal has not run yet.
    """
    # A terminal has none of the service's variables, and its mails would lead to the wrong addresses.
    settings = reading.read_kept()
    if not settings.database and not (settings.folder / "portal.sqlite").exists():
        raise NotThere(
            f"There is no portal's data in {settings.folder}.",
            "NEBULAB_PORTAL_DIR names the folder of the running portal.",
        )
    context = Context(settings, read_domains(settings.domains_file))
    with Database(settings.database_url) as database, database.writing() as session:
        yield session, context


def _me() -> Actor:
    name = f"system user {getpass.getuser()}"
    return Actor(name[:64], name)


def _done(session: Session, row: dict[str, Any], *, as_json: bool) -> None:
    session.flush()
    waiting = errands.count_waiting(session)
    if as_json:
        click.echo(json.dumps(row | {"waiting": waiting}, default=_plain))
        return
    _print(row)
    click.echo(f"The running portal tells Galaxy and sends the mails: {waiting} to do.")


def _short(application: Application) -> dict[str, Any]:
    return {
        "id": application.id,
        "account": application.person.email,
        "email": application.email,
        "standing": application.standing,
        "wanted_until": application.wanted_until,
        "project": application.project,
        "submitted": application.submitted,
    }


def _long(application: Application) -> dict[str, Any]:
    return {"account": application.person.email, **{name: getattr(application, name) for name in _FIELDS}}


def _access(access: Access) -> dict[str, Any]:
    return {
        "account": access.person.email,
        "until": access.until,
        "since": access.since,
        "ended": access.ended,
        "ending": access.ending,
        "galaxy_id": access.person_id,
        "reason": access.reason,
    }


def _print(row: dict[str, Any]) -> None:
    for name, value in row.items():
        if value not in (None, ""):
            click.echo(f"{name:<14} {_plain(value)}")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else "" if value is None else value
