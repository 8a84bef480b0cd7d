"""`nebulab access limits`: limits on GPU hours, in the portal's database; `nebulab access` holds it."""

from __future__ import annotations

import click

from nebulab.cli import options

_WHOSE = ("everybody", "group", "role", "account")


@click.group("limits")
def command() -> None:
    """Show, set and remove limits on GPU hours, as the page Limits does.

    \b
    Examples:
      nebulab access limits list
      nebulab access limits set everybody --hours 40 --days 7
      nebulab access limits set role 'training-*' --hours 5 --days 2
      nebulab access limits set account 'ada@example.org' --unlimited
      nebulab access limits remove ID
    """


@command.command("list")
@options.as_json
def list_(as_json: bool) -> None:
    """List the limits, those that count more first."""
    from nebulab.portal.terminal import limits

    limits.show_list(as_json=as_json)


@command.command("set")
@click.argument("whose", type=click.Choice(_WHOSE))
@click.argument("name", default="")
@click.option("--hours", help="GPU hours in the window.")
@click.option("--unlimited", is_flag=True, help="No limit for these people, whatever those of less weight say.")
@click.option("--days", default="", help="The window, which goes with the time.  [default: as it is; 7 for a new one]")
@options.as_json
def set_(whose: str, name: str, hours: str | None, unlimited: bool, days: str, as_json: bool) -> None:
    """Set the limit for everybody, or for a group, a role or an account by its name in Galaxy."""
    from nebulab.portal.terminal import limits

    if unlimited == bool(hours and hours.strip()):
        # An empty variable of a script would take a limit away.
        raise click.UsageError("Give either --hours with a number, or --unlimited.")
    hours = "" if unlimited else hours or ""
    limits.put({"whose": whose, "name": name, "hours": hours, "days": days}, as_json=as_json)


@command.command()
@click.argument("limit", metavar="ID")
@options.as_json
def remove(limit: str, as_json: bool) -> None:
    """Remove a limit, by the id that the list has."""
    from nebulab.portal.terminal import limits

    limits.remove(limit, as_json=as_json)
