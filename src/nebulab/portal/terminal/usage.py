"""What `nebulab access usage` prints; runs in a terminal beside Galaxy."""

from __future__ import annotations

import json

import click

from nebulab import contract
from nebulab.errors import NotThere, SettingsError
from nebulab.portal import settings as reading
from nebulab.portal.hours import exports
from nebulab.portal.hours.galaxy_tables import GalaxyTables


def show_usage(month: str, form: str) -> None:
    """Print the hours of a month: as `table`, `json`, `csv`, or `influx`.

    Raises
    ------
    NotThere
        The portal knows no database of Galaxy's.
    SettingsError
        The month is none, or Galaxy's database can't be read.
    """
    settings = reading.read_kept()
    if not settings.galaxy_database:
        raise NotThere("The portal knows no GPU hours.", f"{contract.PORTAL_GALAXY_DATABASE} names Galaxy's database.")
    tables = GalaxyTables(settings.galaxy_database, settings.job_gpus)
    try:
        found = exports.report(tables, month or exports.this_month())
    except ValueError:
        raise SettingsError(f"{month!r} is no month.", "Write it as 2026-11.") from None
    click.echo(_written(found, form), nl=False)


def _written(found: exports.Report, form: str) -> str:
    if form == "json":
        return json.dumps(exports.as_json(found), indent=2) + "\n"
    if form == "csv":
        return exports.month_as_csv(found)
    if form == "influx":
        return exports.as_lines(found)
    lines = [f"{'account':<40} {'GPU hours':>10} {'idle':>6} {'jobs':>6}\n"]
    for name, one in found.accounts.items():
        idle = "" if one.idle is None else f"{one.idle:.0f} %"
        lines.append(f"{name:<40} {one.hours:>10.1f} {idle:>6} {one.jobs:>6}\n")
    return "".join(lines) + f"{'all of ' + found.month:<40} {found.hours:>10.1f}\n"
