"""What `nebulab portal` and `nebulab access` do and print; runs in a terminal beside Galaxy."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from nebulab.portal import backup
from nebulab.portal import settings as reading
from nebulab.portal.checking import check
from nebulab.portal.data.tables import Access, Application, State
from nebulab.portal.rules import accesses, decisions
from nebulab.portal.serve import serve as serve_forever
from nebulab.portal.terminal.desk import all_pages, desk, done, me, plain, print_row

_FIELDS = (
    "id", "state", "email", "standing", "project", "group_leader", "institution", "purpose", "gpu_need", "wanted_until",
    "tool", "submitted", "confirmed", "decided", "decided_by", "reason", "answer",
)  # fmt: skip


def serve() -> None:
    """Serve until a signal."""
    begin_log()
    serve_forever(reading.read())


def begin_log() -> None:
    """Have this process log what an administrator reads."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    # Each request of the chores and to the provider of logins, with what was answered: nobody reads that.
    for name in ("httpx", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)


def print_check() -> bool:
    """Print what each check found, and return whether all is well."""
    well = True
    for finding in check(reading.read()):
        well = well and not finding.fault
        click.secho(f"{finding.what:<10} {finding.fault or finding.told}", fg="red" if finding.fault else None)
    return well


def show_list(state: str, *, as_json: bool) -> None:
    """Print the accesses that last (`active`), those that have ended (`ended`), or applications of a state."""
    with desk() as (session, _):
        rows = _accesses(session, state) if state in {"active", "ended"} else _applications(session, state)
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=plain))
        return
    for row in rows:
        click.echo("  ".join(str(plain(value)) for value in list(row.values())[:6]))
    if not rows:
        click.echo("There are none.")


def _accesses(session: Session, state: str) -> list[dict[str, Any]]:
    return [_access(each) for each in all_pages(lambda page: accesses.listed(session, page, ended=state == "ended"))]


def _applications(session: Session, state: str) -> list[dict[str, Any]]:
    return [_short(each) for each in all_pages(lambda page: decisions.queue(session, State(state), page))]


def show_one(name: str, *, as_json: bool) -> None:
    """Print an application, by its id, or an access, by the account's address or id."""
    with desk() as (session, _):
        found = session.get(Application, name)
        row = _long(found) if found is not None else _access(accesses.find(session, name))
    click.echo(json.dumps(row, indent=2, default=plain)) if as_json else print_row(row)


def approve(application: str, until: str, *, as_json: bool) -> None:
    """Approve an application."""
    with desk() as (session, context):
        day = decisions.approve(session, application, version=None, actor=me(), context=context, until=until)
        done(session, {"application": application, "state": "approved", "until": day}, as_json=as_json)


def refuse(application: str, reason: str, *, as_json: bool) -> None:
    """Refuse an application."""
    with desk() as (session, context):
        decisions.refuse(session, application, version=None, actor=me(), context=context, reason=reason)
        done(session, {"application": application, "state": "refused"}, as_json=as_json)


def revoke(person: str, reason: str, *, as_json: bool) -> None:
    """End somebody's access."""
    with desk() as (session, context):
        accesses.revoke(session, person, version=None, actor=me(), context=context, reason=reason)
        done(session, {"account": person, "state": "revoked"}, as_json=as_json)


def remind(*, as_json: bool) -> None:
    """Send the reminders that are due."""
    with desk() as (session, context):
        count = accesses.remind(session, context, me())
        done(session, {"reminded": count}, as_json=as_json)


def back_up(file: Path) -> None:
    """Write the portal's data to a file."""
    count = backup.back_up(reading.read_kept(), file)
    click.echo(f"{file}: {count:,} rows. It holds people's names and addresses: keep it as you keep those.")


def restore(file: Path) -> None:
    """Put the data of a file into an empty database."""
    count = backup.restore(reading.read_kept(), file)
    click.echo(f"Restored {count:,} rows. Start the portal; its page State tells what differs from Galaxy.")


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
