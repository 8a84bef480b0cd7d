"""The tables of GPU hours: the limits, and how each account stands; runs beside Galaxy."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import Boolean, DateTime, Float, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nebulab.portal.data.tables import ADDRESS, ID, LINE, Base, new_id


class Whose(enum.StrEnum):
    """Whom a limit is for; a later one counts more."""

    EVERYBODY = "everybody"
    GROUP = "group"
    """Members of a group in Galaxy."""
    ROLE = "role"
    """Holders of a role in Galaxy, their own or a group's."""
    ACCOUNT = "account"
    """One account, by its address."""


class HourLimit(Base):
    """So many GPU hours in a window of days."""

    __tablename__ = "hour_limit"
    __table_args__ = (UniqueConstraint("whose", "name"),)

    id: Mapped[str] = mapped_column(String(ID), primary_key=True, default=new_id)
    whose: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(LINE), default="")
    """A role's or group's name, with `*` for any text; an account's address; empty for everybody."""
    hours: Mapped[float | None] = mapped_column(Float)
    """None: no limit."""
    days: Mapped[int] = mapped_column(Integer)


class HourAccount(Base):
    """How an account of Galaxy's stands, as it was last added up."""

    __tablename__ = "hour_account"

    account: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Galaxy's number of it, which its tables have."""
    person_id: Mapped[str | None] = mapped_column(String(ID), index=True)
    """Galaxy's id of it, which its API has; asked for when something is to be told or done."""
    email: Mapped[str] = mapped_column(String(ADDRESS), index=True)
    used: Mapped[float] = mapped_column(Float)
    """In the window of the limit that counts for it."""
    hours: Mapped[float | None] = mapped_column(Float)
    """The limit; None where there is none."""
    days: Mapped[int] = mapped_column(Integer)
    over: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether it is to be in Galaxy's group of accounts whose hours are used up."""
    warned: Mapped[datetime | None] = mapped_column(DateTime)
    """When the mail before the limit was sent."""
    told: Mapped[datetime | None] = mapped_column(DateTime)
    """When the mail at the limit was sent."""
    idle_told: Mapped[datetime | None] = mapped_column(DateTime)
    """When the last mail on idle GPUs was sent."""
    in_galaxy: Mapped[bool | None] = mapped_column(Boolean)
    """Whether Galaxy's group had it, when it was last compared."""
    at: Mapped[datetime] = mapped_column(DateTime)
