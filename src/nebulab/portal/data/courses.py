"""The tables of courses; runs beside Galaxy.

What a trainer wrote stands in `course` alone, from which it can be erased; the row itself stays, since its groups in
Galaxy do.
"""

from __future__ import annotations

import enum
from datetime import date, datetime

from sqlalchemy import Boolean, Date, DateTime, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from nebulab.portal.data.tables import ADDRESS, ID, LINE, Base, Person, new_id

SLUG = 60
"""Characters of a course's name in Galaxy, after `training-`."""


class Conclusion(enum.StrEnum):
    """Why a course has ended."""

    OVER = "over"
    """Its last day has passed."""
    EARLY = "early"
    """An administrator ended it."""


class Seat(enum.StrEnum):
    """How a participant's place is."""

    JOINED = "joined"
    LEFT = "left"
    """By the participant, who may join again."""
    REMOVED = "removed"
    """By the trainer: the person can't join again."""


class Course(Base):
    """What a trainer asks for, what became of it, and how far it is."""

    __tablename__ = "course"
    __table_args__ = (Index(None, "state", "submitted"), Index(None, "ended", "ends"))

    id: Mapped[str] = mapped_column(String(ID), primary_key=True, default=new_id)
    trainer_id: Mapped[str | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"), index=True)
    """None where the trainer has erased their data."""
    state: Mapped[str] = mapped_column(String(20))
    """As an application's, but for `unconfirmed`."""
    version: Mapped[int] = mapped_column(Integer)
    email: Mapped[str] = mapped_column(String(ADDRESS))
    """The trainer's official address."""
    standing: Mapped[str] = mapped_column(String(20))
    confirmed: Mapped[bool] = mapped_column(Boolean)
    """Whether a mail has confirmed that address; otherwise it is the account's."""
    name: Mapped[str] = mapped_column(String(LINE))
    purpose: Mapped[str] = mapped_column(Text)
    gpu_need: Mapped[str] = mapped_column(Text)
    begins: Mapped[date] = mapped_column(Date)
    ends: Mapped[date] = mapped_column(Date)
    """The last day."""
    places: Mapped[int] = mapped_column(Integer)
    slug: Mapped[str | None] = mapped_column(String(SLUG), unique=True)
    """Its group and role in Galaxy are `training-<slug>`, as TIaaS names them; from the approval on."""
    code: Mapped[str | None] = mapped_column(String(20), unique=True)
    """What participants join with. In clear: the trainer shows it to a class, again and again."""
    submitted: Mapped[datetime] = mapped_column(DateTime)
    terms: Mapped[str] = mapped_column(String(20))
    decided: Mapped[datetime | None] = mapped_column(DateTime)
    decided_by: Mapped[str] = mapped_column(String(ADDRESS), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    """Of a refusal or an early end, or the reviewer's question."""
    answer: Mapped[str] = mapped_column(Text, default="")
    begun: Mapped[datetime | None] = mapped_column(DateTime)
    ended: Mapped[datetime | None] = mapped_column(DateTime)
    ending: Mapped[str] = mapped_column(String(20), default="")

    trainer: Mapped[Person | None] = relationship()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it as it is

    @property
    def galaxy_name(self) -> str:
        """The name of its group and of its role in Galaxy."""
        return f"training-{self.slug}"


class Place(Base):
    """A participant of a course, or somebody who was one."""

    __tablename__ = "course_place"

    course_id: Mapped[str] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), primary_key=True, index=True)
    state: Mapped[str] = mapped_column(String(20))
    joined: Mapped[datetime] = mapped_column(DateTime)
    terms: Mapped[str] = mapped_column(String(20))
    help_since: Mapped[datetime | None] = mapped_column(DateTime)
    """Since when the participant waits for help."""

    course: Mapped[Course] = relationship()
    person: Mapped[Person] = relationship()
