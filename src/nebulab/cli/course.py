"""`nebulab access course`: courses on GPUs, in the portal's database; `nebulab access` holds it."""

from __future__ import annotations

import click

from nebulab.cli import options

_STATES = ("lasting", "ended", "waiting", "asked", "refused", "withdrawn")
_reason = click.option("--reason", required=True, help="What those concerned are told by mail.")


@click.group("course")
def command() -> None:
    """Show and decide courses, whose participants join with a code.

    \b
    Examples:
      nebulab access course list                     courses that last, and those to come
      nebulab access course list --state waiting     those that wait for a decision
      nebulab access course approve ID --places 25
    """


@command.command("list")
@click.option("--state", type=click.Choice(_STATES), default="lasting", show_default=True, help="Which ones.")
@options.as_json
def list_(state: str, as_json: bool) -> None:
    """List courses that last (or are still to begin), have ended, or are of a state."""
    from nebulab.portal.terminal import courses

    courses.show_list(state, as_json=as_json)


@command.command()
@click.argument("course", metavar="ID")
@options.as_json
def show(course: str, as_json: bool) -> None:
    """Show a course, with its code and its participants."""
    from nebulab.portal.terminal import courses

    courses.show_one(course, as_json=as_json)


@command.command()
@click.argument("course", metavar="ID")
@click.option("--begins", default="", metavar="DAY", help="The first day, as 2027-05-31; by default as asked for.")
@click.option("--ends", default="", metavar="DAY", help="The last day; by default as asked for.")
@click.option("--places", default="", metavar="NUMBER", help="How many may join; by default as asked for.")
@options.as_json
def approve(course: str, begins: str, ends: str, places: str, as_json: bool) -> None:
    """Approve a course that waits; it begins at once if its first day has come."""
    from nebulab.portal.terminal import courses

    courses.approve(course, {"begins": begins, "ends": ends, "places": places}, as_json=as_json)


@command.command()
@click.argument("course", metavar="ID")
@_reason
@options.as_json
def refuse(course: str, reason: str, as_json: bool) -> None:
    """Refuse a course that waits."""
    from nebulab.portal.terminal import courses

    courses.refuse(course, reason, as_json=as_json)


@command.command()
@click.argument("course", metavar="ID")
@_reason
@options.as_json
def end(course: str, reason: str, as_json: bool) -> None:
    """End a course now."""
    from nebulab.portal.terminal import courses

    courses.end(course, reason, as_json=as_json)
