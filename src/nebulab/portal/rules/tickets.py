"""Tickets of sessions, each for one account's GPU hours and nothing else; runs beside Galaxy.

The rules for TPV (`deploy/tpv/nebulab.yml`) make one for a job, in Galaxy's process, with a secret that they share with
the portal. Nothing is kept of it: a ticket says itself whose it is and how long it counts.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from nebulab.errors import NotYours
from nebulab.portal import clock
from nebulab.portal.data.tables import Act, Ending

_FORM = re.compile(
    r"(?P<told>v1\.(?P<account>[1-9][0-9]{0,9})\.(?P<person>[0-9A-Za-z]{1,64})\.(?P<made>[0-9]{1,11})\.(?P<until>[0-9]{1,11}))"
    r"\.(?P<seal>[0-9a-f]{64})"
)
_ENDS = ("erased", Ending.REVOKED.value)
"""The acts in the log from which on an account's tickets open nothing."""
_AHEAD = timedelta(minutes=5)
"""How much Galaxy's clock may go before the portal's."""
_NEW = "Start a new session: it has a new one."


@dataclass(frozen=True)
class Ticket:
    """What a ticket says: Galaxy's number of an account, which its tables have, and its id, which its API has."""

    account: int
    person: str
    made: datetime


def read(text: str, key: str) -> Ticket:
    """Return what a ticket says that was signed with `key`.

    Raises
    ------
    NotYours
        It was signed with another key, was changed, or its time is over.
    """
    found = _FORM.fullmatch(text)
    if found is None or not hmac.compare_digest(seal(found["told"], key), found["seal"]):
        raise NotYours("This ticket is none of this portal's.", _NEW)
    if clock.now() >= _moment(found["until"]):
        raise NotYours("This ticket's time is over.", _NEW)
    made = _moment(found["made"])
    if made > clock.now() + _AHEAD:
        # It would outlive what ends tickets made before.
        raise NotYours("This ticket is of the future.", "Have the clocks of Galaxy and of the portal set.")
    return Ticket(int(found["account"]), found["person"], made)


def seal(told: str, key: str) -> str:
    """Return the signature of what a ticket says."""
    return hmac.new(key.encode(), f"nebulab-hours\n{told}".encode(), hashlib.sha256).hexdigest()


def check(session: Session, ticket: Ticket) -> None:
    """Check that nothing has ended the ticket since it was made.

    Raises
    ------
    NotYours
        The account's access was revoked, or its data was erased.
    """
    query = select(Act.id).where(Act.person_id == ticket.person, Act.act.in_(_ENDS), Act.at >= ticket.made)
    if session.scalar(query.limit(1)) is not None:
        raise NotYours("This ticket counts no more: access was revoked, or the account's data erased.", _NEW)


def _moment(seconds: str) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC).replace(tzinfo=None)
