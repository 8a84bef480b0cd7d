"""The outbox's other end: errands are done, one after another, and again until they are; runs beside Galaxy.

An errand is claimed, done, and marked as done. When this process is killed in between, the claim runs out and the
errand is done again: a membership is then what it was, and a mail has the same Message-ID.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, CursorResult, or_, select, update

from nebulab.errors import NebulabError
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Errand, Mail
from nebulab.portal.rules.audit import note
from nebulab.portal.rules.context import ITSELF
from nebulab.portal.rules.errands import MAIL
from nebulab.portal.work.post import Post

_log = logging.getLogger(__name__)
CLAIM_SECONDS = 60
"""How long an errand that was begun is nobody else's: longer than Galaxy and the mail server may take."""
_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 5, 3600
_GIVE_UP = timedelta(days=3)
_FEWEST_ATTEMPTS = 20
"""After so long, and so many attempts, a mail is not tried any more; it stays on the administrators' page. The time
alone may have passed because a clock was set forward, or the portal was off."""
_PAUSE_SECONDS = 5.0
_AT_ONCE = 50


class Delivery:
    """Does the errands: mails by `post`, and those in Galaxy by what `in_galaxy` has for their kinds."""

    def __init__(self, database: Database, post: Post, in_galaxy: Mapping[str, Callable[[Errand], object]]) -> None:
        self._database = database
        self._post = post
        self._in_galaxy = in_galaxy

    def look(self) -> float:
        """Do what is due, and return the seconds until the next look."""
        with self._database.reading() as session:
            query = select(Errand.id).where(Errand.done.is_(None), _is_due(clock.now()))
            due = list(session.scalars(query.order_by(Errand.due, Errand.id).limit(_AT_ONCE)))
        for errand in due:
            self._do(errand)
        return 0.0 if len(due) == _AT_ONCE else _PAUSE_SECONDS

    def _do(self, number: int) -> None:
        errand = self._claim(number)
        if errand is None:
            return
        try:
            self._carry_out(errand)
        except (NebulabError, OSError, ValueError) as error:
            self._again(errand, error)
        else:
            self._done(errand)

    def _claim(self, number: int) -> Errand | None:
        """Return the errand, which is then ours for a while, or None if another process has it."""
        now = clock.now()
        claim = update(Errand).where(Errand.id == number, Errand.done.is_(None), _is_due(now))
        with self._database.writing() as session:
            claimed = session.execute(
                claim.values(due=now + timedelta(seconds=CLAIM_SECONDS), attempts=Errand.attempts + 1)
            )
            assert isinstance(claimed, CursorResult)  # noqa: S101 - what SQLAlchemy returns for an update
            if claimed.rowcount != 1:
                return None
            errand = session.get_one(Errand, number)
            _ = errand.mail  # loaded while the session is open
        return errand

    def _carry_out(self, errand: Errand) -> None:
        if errand.kind in self._in_galaxy:
            self._in_galaxy[errand.kind](errand)
        elif errand.kind != MAIL:
            # Of another version, or of a setting that is gone: it waits on the administrators' page.
            raise NebulabError(
                f"Nothing in this portal does what {errand.kind!r} asks for: a setting or version lacks it."
            )
        elif errand.mail is not None:
            self._post.send(errand.mail)

    def _done(self, errand: Errand) -> None:
        with self._database.writing() as session:
            # Erased by the person meanwhile: there is nothing to mark.
            kept = session.get(Errand, errand.id)
            if kept is None:
                return
            kept.done, kept.trouble = clock.now(), ""
            if errand.kind != MAIL:
                act, of = errand.kind, {}
                if errand.course_id:
                    act, of = f"{errand.kind}-in-galaxy", {"course": errand.course_id}
                note(session, ITSELF, act, person=errand.person_id, attempts=errand.attempts, **of)
            elif not self._post.keeps:
                mail = session.get(Mail, errand.id)
                if mail is not None:
                    session.delete(mail)

    def _again(self, errand: Errand, error: Exception) -> None:
        told = error.message if isinstance(error, NebulabError) else str(error)
        trouble = told[:1000] or type(error).__name__
        _log.warning("errand %d (%s) failed at attempt %d: %s", errand.id, errand.kind, errand.attempts, trouble)
        with self._database.writing() as session:
            kept = session.get(Errand, errand.id)
            if kept is None:
                return
            kept.trouble, kept.due = trouble, _next(errand.attempts)
            tried = errand.attempts >= _FEWEST_ATTEMPTS and clock.now() - errand.made > _GIVE_UP
            if errand.kind == MAIL and tried:
                kept.done = clock.now()
                note(session, ITSELF, "mail-given-up", person=errand.person_id, attempts=errand.attempts)


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Return whether an errand is to be tried: none waits longer than the longest pause, unless the clock was ahead."""
    return or_(Errand.due <= now, Errand.due > now + timedelta(seconds=_LONGEST_RETRY_SECONDS + CLAIM_SECONDS))


def _next(attempts: int) -> datetime:
    pause = min(_FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 12), _LONGEST_RETRY_SECONDS)
    return clock.now() + timedelta(seconds=pause)
