"""The portal's tables; runs beside Galaxy.

A person's texts and addresses stand in `person`, `application`, `confirmation` and `mail` alone, from which they can be
erased. The audit log names people by Galaxy's id and holds nothing that a person wrote, since it is never changed.
"""

from __future__ import annotations

import enum
import secrets
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, DateTime, ForeignKey, Index, Integer, MetaData, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
ID = 64
"""Characters of an id: Galaxy's have 16, ours 32."""
ADDRESS = 254
"""Characters of an e-mail address, at most."""
LINE = 200
"""Characters of a line that a person wrote."""
TEXT = 4000
"""Characters of a text that a person wrote."""


class State(enum.StrEnum):
    """How far an application is."""

    UNCONFIRMED = "unconfirmed"
    """The address is not confirmed yet: nobody else sees it."""
    WAITING = "waiting"
    """For a reviewer."""
    ASKED = "asked"
    """For the person's answer to a reviewer's question."""
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    """By the person."""


OPEN = (State.UNCONFIRMED, State.WAITING, State.ASKED)
"""States of an application that is not decided: a person has one such at most."""


_IS_OPEN = text("state IN ('unconfirmed', 'waiting', 'asked')")


class Ending(enum.StrEnum):
    """Why an access has ended."""

    EXPIRED = "expired"
    REVOKED = "revoked"


class Base(DeclarativeBase):
    """The tables."""

    metadata = MetaData(naming_convention=_CONVENTION)


def new_id() -> str:
    """Return an id that nobody can guess, and that a command line does not take for an option."""
    return secrets.token_hex(16)


class Person(Base):
    """Somebody with an account in Galaxy, as it was when they last came."""

    __tablename__ = "person"

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    """Galaxy's id of the account."""
    email: Mapped[str] = mapped_column(String(ADDRESS), index=True)
    name: Mapped[str] = mapped_column(String(LINE))
    seen: Mapped[datetime] = mapped_column(DateTime)

    applications: Mapped[list[Application]] = relationship(back_populates="person", passive_deletes=True)
    access: Mapped[Access | None] = relationship(back_populates="person", passive_deletes=True)


class Application(Base):
    """What a person asks for, and what became of it."""

    __tablename__ = "application"
    __table_args__ = (
        Index(None, "state", "submitted"),
        Index("ix_application_one_open", "person_id", unique=True, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
    )

    id: Mapped[str] = mapped_column(String(ID), primary_key=True, default=new_id)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    state: Mapped[str] = mapped_column(String(20))
    version: Mapped[int] = mapped_column(Integer)
    """Counts the changes: whoever changes an older version is told that somebody was quicker."""
    email: Mapped[str] = mapped_column(String(ADDRESS))
    """The official address: Galaxy's, or another that was confirmed by a mail."""
    standing: Mapped[str] = mapped_column(String(20))
    """What the lists say of the address' domain."""
    purpose: Mapped[str] = mapped_column(Text)
    project: Mapped[str] = mapped_column(String(LINE))
    group_leader: Mapped[str] = mapped_column(String(LINE))
    institution: Mapped[str] = mapped_column(String(LINE))
    gpu_need: Mapped[str] = mapped_column(Text)
    wanted_until: Mapped[date] = mapped_column(Date)
    tool: Mapped[str] = mapped_column(String(LINE), default="")
    """The tool that led the person here."""
    submitted: Mapped[datetime] = mapped_column(DateTime)
    confirmed: Mapped[datetime | None] = mapped_column(DateTime)
    terms: Mapped[str] = mapped_column(String(20))
    """The version of the terms that were accepted."""
    decided: Mapped[datetime | None] = mapped_column(DateTime)
    decided_by: Mapped[str] = mapped_column(String(ADDRESS), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    """Of a refusal, or the reviewer's question."""
    answer: Mapped[str] = mapped_column(Text, default="")
    """The person's answer to the question."""

    person: Mapped[Person] = relationship(back_populates="applications")
    confirmations: Mapped[list[Confirmation]] = relationship(back_populates="application", passive_deletes=True)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it as it is


class Confirmation(Base):
    """A link that was mailed: it works once, and for a day."""

    __tablename__ = "confirmation"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of what the link holds: whoever reads the database learns no link."""
    application_id: Mapped[str] = mapped_column(ForeignKey("application.id", ondelete="CASCADE"), index=True)
    email: Mapped[str] = mapped_column(String(ADDRESS))
    expires: Mapped[datetime] = mapped_column(DateTime)
    used: Mapped[datetime | None] = mapped_column(DateTime)

    application: Mapped[Application] = relationship(back_populates="confirmations")


class Access(Base):
    """A person's access to GPUs, which lasts or has ended."""

    __tablename__ = "access"
    __table_args__ = (Index(None, "ended", "until"),)

    person_id: Mapped[str] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    since: Mapped[datetime] = mapped_column(DateTime)
    until: Mapped[date] = mapped_column(Date)
    """The last day."""
    ended: Mapped[datetime | None] = mapped_column(DateTime)
    ending: Mapped[str] = mapped_column(String(20), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    """Of a revocation, as the person was told."""
    reminded: Mapped[date | None] = mapped_column(Date)
    """The `until` for which the mail on renewal was sent."""

    person: Mapped[Person] = relationship(back_populates="access")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it as it is


class Login(Base):
    """Somebody who is logged in by a provider of OpenID Connect; there is none where Galaxy's own login counts."""

    __tablename__ = "login"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the browser's cookie: whoever reads the database learns none."""
    person_id: Mapped[str] = mapped_column(String(ID), index=True)
    """Galaxy's id: no key of `person`, which has those who ask for something."""
    began: Mapped[datetime] = mapped_column(DateTime)
    ends: Mapped[datetime] = mapped_column(DateTime, index=True)
    id_token: Mapped[str] = mapped_column(Text)
    """What the provider wants to be shown again at a logout; it opens nothing."""


class Errand(Base):
    """The outbox: something to be done outside of the database, written with the change that asks for it."""

    __tablename__ = "errand"
    __table_args__ = (Index(None, "done", "due"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    """`membership` or `mail`; of a course `course` (its group's roles) or `place` (a participant in its group)."""
    person_id: Mapped[str] = mapped_column(String(ID), index=True)
    """Galaxy's id: no key of `person`, since a membership is taken back from somebody who has been erased too."""
    course_id: Mapped[str] = mapped_column(String(ID), default="", server_default="")
    made: Mapped[datetime] = mapped_column(DateTime)
    due: Mapped[datetime] = mapped_column(DateTime)
    """When to try, or to try again."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    trouble: Mapped[str] = mapped_column(Text, default="")
    """Why the last attempt failed."""
    done: Mapped[datetime | None] = mapped_column(DateTime)

    mail: Mapped[Mail | None] = relationship(back_populates="errand", passive_deletes=True)


class Mail(Base):
    """A mail of an errand; it stays after it was sent only where there is no mail server."""

    __tablename__ = "mail"

    errand_id: Mapped[int] = mapped_column(ForeignKey("errand.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(ID), index=True)
    message_id: Mapped[str] = mapped_column(String(ADDRESS))
    """The same in every attempt, so that a mail sent twice is known as one."""
    to: Mapped[str] = mapped_column(String(ADDRESS))
    subject: Mapped[str] = mapped_column(String(LINE))
    body: Mapped[str] = mapped_column(Text)

    errand: Mapped[Errand] = relationship(back_populates="mail")


class Drift(Base):
    """A difference between this database and Galaxy's groups, as the last comparison found it."""

    __tablename__ = "drift"

    person_id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    email: Mapped[str] = mapped_column(String(ADDRESS))
    kind: Mapped[str] = mapped_column(String(20))
    """`stranger`: in Galaxy's group without an access here; `missing`: the other way round; `mark`: the other group."""
    found: Mapped[datetime] = mapped_column(DateTime)


class PoolSample(Base):
    """How the GPUs of one model were at one moment: the history of the page of resources."""

    __tablename__ = "pool_sample"
    __table_args__ = (Index(None, "at"),)

    at: Mapped[datetime] = mapped_column(DateTime, primary_key=True)
    model: Mapped[str] = mapped_column(String(LINE), primary_key=True)
    total: Mapped[int] = mapped_column(Integer)
    busy: Mapped[int | None] = mapped_column(Integer)
    """None where no source knows."""
    down: Mapped[int] = mapped_column(Integer)
    waiting: Mapped[int | None] = mapped_column(Integer)
    """Jobs in the queue at that moment, for any model; None without a queue."""


class Act(Base):
    """The audit log: a line for every act; the database itself refuses to change or delete one."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime)
    actor: Mapped[str] = mapped_column(String(ID))
    """Galaxy's id of who acted, `system user <name>` of a command, `portal` for what happens by itself."""
    act: Mapped[str] = mapped_column(String(40))
    person_id: Mapped[str] = mapped_column(String(ID), default="", index=True)
    application_id: Mapped[str] = mapped_column(String(ID), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """Dates and numbers; no text and no address of a person's."""
