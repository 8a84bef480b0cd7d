"""The reviewers' side: the queue, and what is decided in it; runs beside Galaxy.

Two reviewers may decide at the same moment. Each names the version that they have seen: the second is told who was
quicker.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.exc import StaleDataError

from nebulab.errors import NotThere, Overtaken
from nebulab.portal import clock
from nebulab.portal.data.tables import Application, State
from nebulab.portal.rules import accesses, errands, letters
from nebulab.portal.rules.audit import note
from nebulab.portal.rules.context import PORTAL, Actor, Context
from nebulab.portal.rules.forms import read_text, read_until

REASON_MISSING = "Write the reason: the person gets it by mail."
PAGE = 50
"""Applications of one page of the queue."""
MOST_COUNTED = 1_000
"""Of each state: counting hundreds of thousands would take longer than all else of a page."""


def queue(session: Session, state: str = State.WAITING, page: int = 1) -> list[Application]:
    """Return applications of a state, the oldest first, with their persons."""
    query = (
        select(Application)
        .where(Application.state == state)
        .options(joinedload(Application.person))
        .order_by(Application.submitted, Application.id)
    )
    return list(session.scalars(query.limit(PAGE).offset((page - 1) * PAGE)))


def counts(session: Session) -> dict[str, int]:
    """Return how many applications there are of each state; what is above `MOST_COUNTED` is one more than that."""
    return {state.value: count(session, state) for state in State}


def count(session: Session, state: State) -> int:
    """Return how many applications there are of a state, as `counts` does."""
    some = select(Application.id).where(Application.state == state).limit(MOST_COUNTED + 1).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def find(session: Session, application: str) -> Application:
    """Return an application, whosever it is.

    Raises
    ------
    NotThere
        There is none.
    """
    found = session.get(Application, application, options=[joinedload(Application.person)])
    if found is None:
        raise NotThere(
            f"There is no application {application[:40]!r}.",
            "Those that wait are in the queue, and told by `nebulab access list --state waiting`.",
        )
    return found


def approve(
    session: Session, application: str, *, version: int | None, actor: Actor, context: Context, until: str = ""
) -> date:
    """Give the access that was asked for, until the day that was asked for or `until`, and return that day.

    Raises
    ------
    NotThere, Overtaken, FormError
        Nothing was changed.
    """
    with _deciding(session, application, version) as found:
        day = read_until(until or found.wanted_until.isoformat(), context)
        _approve(session, found, day, actor, context)
    return day


def approve_by_rule(session: Session, application: Application, context: Context) -> None:
    """Approve an application whose domain the administrators approve without looking."""
    domain = application.email.rpartition("@")[2]
    longest = clock.today() + timedelta(days=context.settings.access_days)
    day = max(min(application.wanted_until, longest), clock.today())
    _approve(session, application, day, Actor(PORTAL, f"the rule for {domain}"), context)


def _approve(session: Session, application: Application, until: date, actor: Actor, context: Context) -> None:
    _decide(application, State.APPROVED, actor)
    application.reason = ""
    accesses.grant(session, application.person_id, until, context)
    letter = letters.approved(context.settings, until)
    errands.send(session, application.person_id, application.email, letter, context.settings.sender)
    note(session, actor, "approved", person=application.person_id, application=application.id, until=until)


def refuse(
    session: Session, application: str, *, version: int | None, actor: Actor, context: Context, reason: str
) -> None:
    """Refuse an application, with the reason that the person is told.

    Raises
    ------
    NotThere, Overtaken, FormError
        Nothing was changed.
    """
    with _deciding(session, application, version) as found:
        found.reason = read_text(reason, REASON_MISSING, "reason")
        _decide(found, State.REFUSED, actor)
        letter = letters.refused(context.settings, found.reason)
        errands.send(session, found.person_id, found.email, letter, context.settings.sender)
        note(session, actor, "refused", person=found.person_id, application=found.id)


def ask(
    session: Session, application: str, *, version: int | None, actor: Actor, context: Context, question: str
) -> None:
    """Ask the person something; the application waits for the answer.

    Raises
    ------
    NotThere, Overtaken, FormError
        Nothing was changed.
    """
    with _deciding(session, application, version) as found:
        found.reason = read_text(question, "Write the question: the person gets it by mail.", "question")
        _decide(found, State.ASKED, actor)
        letter = letters.asked(context.settings, found.id, found.reason)
        errands.send(session, found.person_id, found.email, letter, context.settings.sender)
        note(session, actor, "asked", person=found.person_id, application=found.id)


def _decide(application: Application, state: State, actor: Actor) -> None:
    application.state, application.decided, application.decided_by = state, clock.now(), actor.name


@contextmanager
def _deciding(session: Session, application: str, version: int | None) -> Iterator[Application]:
    """Yield an application that waits for a decision, as the reviewer has seen it, and write the change."""
    found = find(session, application)
    if found.state != State.WAITING or version not in {None, found.version}:
        raise _overtaken(found)
    try:
        # A savepoint: what fails in it leaves the session usable for the message.
        with session.begin_nested():
            yield found
    except StaleDataError:
        raise _overtaken(find(session, application)) from None


def _overtaken(found: Application) -> Overtaken:
    what = {
        State.APPROVED: "approved it",
        State.REFUSED: "refused it",
        State.ASKED: "asked the person a question",
    }.get(State(found.state))
    if what and found.decided is not None:
        message = (
            f"{found.decided_by} was quicker: they {what} on {letters.day(found.decided)} at {found.decided:%H:%M} UTC."
        )
    else:
        state = {State.WITHDRAWN: "was withdrawn", State.UNCONFIRMED: "is not confirmed yet"}.get(State(found.state))
        message = f"This application {state or 'has changed since you opened it'}."
    return Overtaken(message, "Nothing was changed; look at it again.")
