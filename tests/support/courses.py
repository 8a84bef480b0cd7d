"""Courses of the portal's tests: what a trainer writes, and courses that are as far as a test needs them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from nebulab.portal import clock
from nebulab.portal.data.courses import Course
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Act
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.context import Actor, Context
from nebulab.portal.rules.courses import asking, deciding, places
from nebulab.portal.rules.courses.forms import TERMS, CourseForm, Frame

TRAINER = Account("idlise", "lise@uni-freiburg.de", "lise")
OTHER = Account("ideve", "eve@uni-freiburg.de", "eve")
REVIEWER = Actor("idadmin", "admin@uni-freiburg.de")


def people(count: int) -> list[Account]:
    """Return participants, whose addresses are private ones."""
    return [Account(f"idp{number}", f"p{number}@gmail.com", f"p{number}") for number in range(count)]


def frame(begins: int = 0, ends: int = 1, count: int = 5) -> Frame:
    """Return days, counted from today, and places."""
    today = clock.today()
    return Frame(today + timedelta(days=begins), today + timedelta(days=ends), count)


def filled(begins: int = 0, ends: int = 1, count: str = "5", **others: str) -> dict[str, str]:
    """Return a form's fields as a trainer fills them in."""
    days = frame(begins, ends)
    return {
        "name": "Segmentation with Übermut",
        "purpose": "Deep learning for doctoral students of biology",
        "gpu_need": "U-Nets in PyTorch, four hours each",
        "begins": days.begins.isoformat(),
        "ends": days.ends.isoformat(),
        "places": count,
        "terms": TERMS,
    } | others


def asked(database: Database, context: Context, begins: int = 0, ends: int = 1, count: int = 5) -> Course:
    """Return a course that waits for its decision."""
    texts = {name: filled()[name] for name in ("name", "purpose", "gpu_need")}
    with database.writing() as session:
        return asking.ask_for(session, TRAINER, CourseForm(**texts, frame=frame(begins, ends, count)), context)


def approved(database: Database, context: Context, begins: int = 0, ends: int = 1, count: int = 5) -> Course:
    """Return a course that people may join; it runs if it begins today."""
    course = asked(database, context, begins, ends, count)
    with database.writing() as session:
        deciding.approve(session, course.id, version=None, actor=REVIEWER, context=context)
    return found(database, course.id)


def found(database: Database, course: str) -> Course:
    """Return a course as it is now."""
    with database.reading() as session:
        return deciding.find(session, course)


def join(database: Database, context: Context, course: Course, *who: Account) -> None:
    """Have people join."""
    for account in who:
        with database.writing() as session:
            places.join(session, account, course.code or "", context)


def acts(database: Database) -> list[tuple[str, str, str]]:
    """Return all lines of the audit log: who, what, whom."""
    with database.reading() as session:
        return [(act.actor, act.act, act.person_id) for act in session.scalars(select(Act).order_by(Act.id))]
