"""What `nebulab access limits` does and prints; runs in a terminal beside Galaxy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from nebulab import contract
from nebulab.errors import NotThere
from nebulab.portal.data.hour_tables import HourLimit
from nebulab.portal.hours import limits
from nebulab.portal.terminal.desk import desk, me, plain, print_row


def show_list(*, as_json: bool) -> None:
    """Print the limits."""
    with desk() as (session, _):
        rows = [_row(each) for each in limits.listed(session)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo("  ".join(str(plain(value)) for value in row.values()))
    if not rows:
        click.echo("There are none.")


def put(fields: Mapping[str, str], *, as_json: bool) -> None:
    """Set a limit, and print it; without days it has those that it has.

    Raises
    ------
    FormError
        A field can't be used.
    NotThere
        The portal counts no GPU hours.
    """
    with desk() as (session, context):
        if not context.settings.galaxy_database:
            raise NotThere(
                "The portal counts no GPU hours: it does not know Galaxy's database.",
                f"Set {contract.PORTAL_GALAXY_DATABASE} for it; docs/offering-gpus.md has how.",
            )
        same = (one for one in limits.listed(session) if (one.whose, one.name) == (fields["whose"], fields["name"]))
        before = next(same, None)
        days = fields["days"] or (str(before.days) if before else "7")
        row = _row(limits.put(session, me(), **{**fields, "days": days}))
    _told(row, as_json=as_json)


def remove(limit: str, *, as_json: bool) -> None:
    """Remove a limit, and print which.

    Raises
    ------
    NotThere
        There is none of this id.
    """
    with desk() as (session, _):
        found = next((_row(each) for each in limits.listed(session) if each.id == limit), {})
        limits.remove(session, me(), limit)
    _told(found, as_json=as_json)


def _told(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(row))
        return
    print_row(row)
    click.echo("The running portal adds up with it within two minutes.")


def _row(limit: HourLimit) -> dict[str, Any]:
    return {name: getattr(limit, name) for name in ("id", "whose", "name", "hours", "days")}
