"""`nebulab access`: who may use GPUs, and who asks for it, in the portal's database."""

from __future__ import annotations

import sys

import click

from nebulab.cli import course, limits, options


@click.group()
def command() -> None:
    """Show and decide who may use GPUs, for scripts and terminals beside the portal.

    It works on the portal's database (NEBULAB_PORTAL_DIR or NEBULAB_PORTAL_DATABASE
    names it); the running portal tells Galaxy and sends the mails. The log names the
    system user who called.

    \b
    Examples:
      nebulab access list                       who has access
      nebulab access list --state waiting       who waits for a decision
      nebulab access approve ID --until 2027-05-31
      nebulab access revoke ada@example.org --reason "The project has ended."
      nebulab access usage --month 2026-11      who used how many GPU hours
      nebulab access limits list                limits on GPU hours
    """
    from nebulab import dispatch

    # What a command is for can be told without the portal's environment.
    if not {"-h", "--help"} & set(sys.argv):
        dispatch.hand_over(dispatch.PORTAL)


command.add_command(course.command)
command.add_command(limits.command)
_STATES = ("active", "ended", "unconfirmed", "waiting", "asked", "approved", "refused", "withdrawn")
_reason = click.option("--reason", required=True, help="What the person is told by mail.")


@command.command("list")
@click.option("--state", type=click.Choice(_STATES), default="active", show_default=True, help="Which ones.")
@options.as_json
def list_(state: str, as_json: bool) -> None:
    """List accesses that last (active) or have ended, or applications of a state."""
    from nebulab.portal.terminal import access as commands

    commands.show_list(state, as_json=as_json)


@command.command()
@click.argument("name", metavar="ID|ACCOUNT")
@options.as_json
def show(name: str, as_json: bool) -> None:
    """Show an application, or the access of an account (its e-mail address, or Galaxy's id)."""
    from nebulab.portal.terminal import access as commands

    commands.show_one(name, as_json=as_json)


@command.command()
@click.argument("application", metavar="ID")
@click.option("--until", default="", metavar="DAY", help="The last day, as 2027-05-31; by default as asked for.")
@options.as_json
def approve(application: str, until: str, as_json: bool) -> None:
    """Approve an application that waits."""
    from nebulab.portal.terminal import access as commands

    commands.approve(application, until, as_json=as_json)


@command.command()
@click.argument("application", metavar="ID")
@_reason
@options.as_json
def refuse(application: str, reason: str, as_json: bool) -> None:
    """Refuse an application that waits."""
    from nebulab.portal.terminal import access as commands

    commands.refuse(application, reason, as_json=as_json)


@command.command()
@click.argument("person", metavar="ACCOUNT")
@_reason
@options.as_json
def revoke(person: str, reason: str, as_json: bool) -> None:
    """End the access of an account now."""
    from nebulab.portal.terminal import access as commands

    commands.revoke(person, reason, as_json=as_json)


@command.command()
@options.as_json
def remind(as_json: bool) -> None:
    """Send the mails on renewal that are due; the portal does so by itself, each once."""
    from nebulab.portal.terminal import access as commands

    commands.remind(as_json=as_json)


@command.command()
@click.option("--month", default="", metavar="MONTH", help="As 2026-11; by default this one.")
@click.option("--json", "form", flag_value="json", help="Print JSON: by account, role, group and tool.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV, a line for each account.")
@click.option("--influx", "form", flag_value="influx", help="Print InfluxDB's line protocol, as gxadmin does.")
def usage(month: str, form: str | None) -> None:
    """Show who used how many GPU hours in a month, from Galaxy's own tables."""
    from nebulab.portal.terminal.usage import show_usage

    show_usage(month, form or "table")
