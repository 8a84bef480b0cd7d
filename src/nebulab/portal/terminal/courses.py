"""What `nebulab access course` does and prints; runs in a terminal beside Galaxy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from nebulab.portal.data.courses import Course
from nebulab.portal.rules.courses import deciding, letters, places
from nebulab.portal.rules.courses.forms import read_frame
from nebulab.portal.terminal.desk import all_pages, desk, done, me, plain, print_row

_FIELDS = (
    "email", "standing", "confirmed", "purpose", "gpu_need", "submitted", "decided", "decided_by", "reason", "answer",
    "begun", "ended", "ending",
)  # fmt: skip


def show_list(state: str, *, as_json: bool) -> None:
    """Print courses that last, have ended, or are of a state."""
    with desk() as (session, _):
        rows = [_short(each) for each in all_pages(lambda page: deciding.queue(session, state, page))]
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=plain))
        return
    for row in rows:
        click.echo("  ".join(str(plain(value)) for value in row.values()))
    if not rows:
        click.echo("There are none.")


def show_one(course: str, *, as_json: bool) -> None:
    """Print a course, with its participants' accounts."""
    with desk() as (session, _):
        found = deciding.find(session, course)
        row = _short(found) | {name: getattr(found, name) for name in _FIELDS}
        row["galaxy_name"] = found.galaxy_name if found.slug else ""
        row["code"] = letters.shown_code(found.code) if found.code else ""
        accounts = [place.person.email for place in places.participants(session, found.id)]
    if as_json:
        click.echo(json.dumps(row | {"participants": accounts}, indent=2, default=plain))
        return
    print_row(row | {"participants": ", ".join(accounts)})


def approve(course: str, frame: Mapping[str, str], *, as_json: bool) -> None:
    """Approve a course, with what `frame` names changed."""
    with desk() as (session, context):
        found = deciding.find(session, course)
        asked = {"begins": found.begins.isoformat(), "ends": found.ends.isoformat(), "places": str(found.places)}
        given = {name: value for name, value in frame.items() if value}
        read = read_frame(asked | given, context) if given else None
        deciding.approve(session, course, version=None, actor=me(), context=context, frame=read)
        done(session, _short(found) | {"code": letters.shown_code(found.code or "")}, as_json=as_json)


def refuse(course: str, reason: str, *, as_json: bool) -> None:
    """Refuse a course."""
    with desk() as (session, context):
        deciding.refuse(session, course, version=None, actor=me(), context=context, reason=reason)
        done(session, {"id": course, "state": "refused"}, as_json=as_json)


def end(course: str, reason: str, *, as_json: bool) -> None:
    """End a course."""
    with desk() as (session, context):
        deciding.end(session, course, version=None, actor=me(), context=context, reason=reason)
        done(session, {"id": course, "state": "ended"}, as_json=as_json)


def _short(course: Course) -> dict[str, Any]:
    return {
        "id": course.id,
        "state": course.state,
        "account": course.trainer.email if course.trainer else "",
        "begins": course.begins,
        "ends": course.ends,
        "places": course.places,
        "name": course.name,
    }
