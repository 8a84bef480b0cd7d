"""Limits on GPU hours: kept by administrators, and the one that counts for an account; runs beside Galaxy."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from sqlalchemy import select
from sqlalchemy.orm import Session

from nebulab.errors import FormError, NotThere
from nebulab.portal.data.hour_tables import HourAccount, HourLimit, Whose
from nebulab.portal.data.tables import LINE
from nebulab.portal.hours.galaxy_tables import GalaxyTables, Names
from nebulab.portal.hours.use import Job, used
from nebulab.portal.rules.audit import note
from nebulab.portal.rules.context import Actor

MOST_DAYS = 92
"""The longest window: Galaxy's jobs of so many days are read every few minutes."""
_MOST_HOURS = 1_000_000.0
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_NUMBER = re.compile(r"[0-9]{1,7}([.,][0-9]{1,2})?")
WARN_SHARE = 0.8
"""Of the limit: from here on the person is warned."""
FREE_SHARE = 0.95
"""Used hours fall below this share of the limit before jobs run again: at the limit itself it would be on and off."""


@dataclass(frozen=True)
class Standing:
    """How an account stands: `hours` is None without a limit."""

    used: float
    hours: float | None
    days: int

    @property
    def is_over(self) -> bool:
        """Whether the hours are used up."""
        return self.hours is not None and self.used >= self.hours

    @property
    def is_near(self) -> bool:
        """Whether the person is to be warned."""
        return self.hours is not None and self.used >= WARN_SHARE * self.hours

    @property
    def is_free(self) -> bool:
        """Whether an account that was over runs jobs again."""
        return self.hours is None or self.used < FREE_SHARE * self.hours


def in_words(one: Standing | HourAccount) -> str:
    """Return how an account stands.

    >>> in_words(Standing(12.04, 40.0, 7)), in_words(Standing(1.0, None, 1))
    ('12.0 of 40 GPU hours in the last 7 days', '1.0 GPU hours in the last day')
    """
    window = "day" if one.days == 1 else f"{one.days} days"
    most = "" if one.hours is None else f" of {one.hours:g}"
    return f"{one.used:.1f}{most} GPU hours in the last {window}"


def listed(session: Session) -> list[HourLimit]:
    """Return the limits, those that count more first."""
    order = list(Whose)
    return sorted(session.scalars(select(HourLimit)), key=lambda one: (-order.index(Whose(one.whose)), one.name))


def longest(limits: Iterable[HourLimit]) -> int:
    """Return the days of the longest window, 7 without any limit."""
    return max((limit.days for limit in limits), default=7)


def standing(limits: Sequence[HourLimit], email: str, names: Names, jobs: Sequence[Job], now: datetime) -> Standing:
    """Return how an account stands with the limit that counts for it.

    The account's own counts more than one of its roles, that more than one of its groups, that more than everybody's.
    Of several of one kind it is the one that leaves most.
    """
    for whose in reversed(Whose):
        fitting = [limit for limit in limits if limit.whose == whose and _fits(limit, email, names)]
        if fitting:
            found = [Standing(used(jobs, limit.days, now), limit.hours, limit.days) for limit in fitting]
            return max(found, key=_left)
    return Standing(used(jobs, 7, now), None, 7)


def _left(one: Standing) -> float:
    return math.inf if one.hours is None else one.hours - one.used


def _fits(limit: HourLimit, email: str, names: Names) -> bool:
    fits: dict[str, Callable[[], bool]] = {
        Whose.EVERYBODY: lambda: True,
        Whose.GROUP: lambda: any(_is_named(name, limit.name) for name in names.groups),
        Whose.ROLE: lambda: any(_is_named(name, limit.name) for name in names.roles),
        Whose.ACCOUNT: lambda: _is_named(email.lower(), limit.name),
    }
    return fits[limit.whose]()


def _is_named(name: str, wanted: str) -> bool:
    """Whether a name is the wanted one, in which * alone stands for any text: names of groups have brackets."""
    return re.fullmatch(".*".join(map(re.escape, wanted.split("*"))), name, re.DOTALL) is not None


def put(session: Session, actor: Actor, *, whose: str, name: str, hours: str, days: str) -> HourLimit:
    """Make a limit, or change the one for the same people.

    Raises
    ------
    FormError
        A field can't be used.
    """
    faults: dict[str, str] = {}
    name = _name(whose, name, faults)
    number = _hours(hours, faults)
    window = _days(days, faults)
    if faults:
        raise FormError(faults)
    query = select(HourLimit).where(HourLimit.whose == whose, HourLimit.name == name)
    limit = session.scalars(query.with_for_update()).first()
    if limit is None:
        limit = HourLimit(whose=whose, name=name, hours=number, days=window)
        session.add(limit)
    limit.hours, limit.days = number, window
    session.flush()
    told = "none" if number is None else f"{number:g}"
    note(session, actor, "hour-limit", limit=limit.id, whose=whose, hours=told, days=window)
    return limit


def remove(session: Session, actor: Actor, limit: str) -> None:
    """Delete a limit.

    Raises
    ------
    NotThere
        There is none of this id.
    """
    found = session.get(HourLimit, limit)
    if found is None:
        raise NotThere("There is no such limit any more.", "Open the page of limits again.")
    session.delete(found)
    note(session, actor, "hour-limit-removed", limit=found.id, whose=found.whose)


def reach(limits: Iterable[HourLimit], tables: GalaxyTables) -> dict[str, str]:
    """Return in words how many accounts of Galaxy each limit is for, by its id; a name may be of what is to come.

    Raises
    ------
    SettingsError
        Galaxy's database does not answer.
    """
    groups, roles = tables.named()
    accounts = {email.lower(): {number} for number, email in tables.addresses()}
    by_kind: dict[str, Mapping[str, set[int]]] = {Whose.GROUP: groups, Whose.ROLE: roles, Whose.ACCOUNT: accounts}
    return {
        limit.id: _many(len(accounts)) if limit.whose == Whose.EVERYBODY else _reach(limit, by_kind[limit.whose])
        for limit in limits
    }


def _many(number: int) -> str:
    return f"{number} account{'' if number == 1 else 's'}"


def _reach(limit: HourLimit, accounts: Mapping[str, set[int]]) -> str:
    fitting = [name for name in accounts if _is_named(name, limit.name)]
    if fitting:
        return _many(len(set().union(*(accounts[name] for name in fitting))))
    near = get_close_matches(limit.name, accounts, 1)
    return f"nobody: Galaxy has no {limit.whose} of this name" + (f"; did you mean {near[0]}?" if near else "")


def of_account(session: Session, email: str) -> HourAccount | None:
    """Return how an account stood when it was last added up, by its address."""
    return session.scalars(select(HourAccount).where(HourAccount.email == email)).first()


def _name(whose: str, name: str, faults: dict[str, str]) -> str:
    name = " ".join(name.split())
    if whose not in set(Whose):
        faults["whose"] = "Choose whom the limit is for."
    elif whose == Whose.EVERYBODY:
        if name:
            faults["name"] = "Leave the name empty, or choose a group, a role or an account above."
        return ""
    elif whose == Whose.ACCOUNT:
        name = name.lower()
        if not _ADDRESS.fullmatch(name) or len(name) > LINE:
            faults["name"] = "Give the Galaxy account's e-mail address; * stands for any text, as in *@example.org."
    elif not name or len(name) > LINE or not name.isprintable():
        faults["name"] = f"Give the {whose}'s name in Galaxy; * stands for any text, as in training-*."
    return name


def _hours(text: str, faults: dict[str, str]) -> float | None:
    if not text.strip():
        return None
    hours = float(text.strip().replace(",", ".")) if _NUMBER.fullmatch(text.strip()) else 0.0
    if not 0 < hours <= _MOST_HOURS:
        faults["hours"] = (
            "Give a number of hours above 0, as 40 or 2.5, or nothing for no limit; "
            "who is to have none needs no access."
        )
    return hours


def _days(text: str, faults: dict[str, str]) -> int:
    # Python refuses to read thousands of digits.
    digits = text.strip()[:4]
    if not (digits.isascii() and digits.isdigit()) or not 1 <= int(digits) <= MOST_DAYS:
        faults["days"] = f"Give a whole number of days from 1 to {MOST_DAYS}."
        return 1
    return int(digits)
