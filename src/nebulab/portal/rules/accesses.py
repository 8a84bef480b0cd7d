"""Accesses: given, renewed, ended by time or by an administrator; runs beside Galaxy."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.exc import StaleDataError

from nebulab.errors import NotThere, Overtaken
from nebulab.portal import clock
from nebulab.portal.data.tables import Access, Application, Ending, Person, State
from nebulab.portal.rules import errands, letters
from nebulab.portal.rules.audit import note
from nebulab.portal.rules.context import ITSELF, Actor, Context
from nebulab.portal.rules.courses import revoking
from nebulab.portal.rules.forms import read_text

PAGE = 100
"""Accesses of one page."""
_AT_ONCE = 200
"""Accesses of one look: each is a transaction of its own, so that a stop loses none."""


def grant(session: Session, person: str, until: date, context: Context) -> Access:
    """Give a person access, or renew the one that they have or had."""
    access = session.get(Access, person)
    if access is None:
        access = Access(person_id=person, since=clock.now(), until=until)
        session.add(access)
    elif access.ended is not None:
        access.since, access.ended, access.ending, access.reason = clock.now(), None, "", ""
    access.until, access.reminded = until, None
    if (until - clock.today()).days <= context.settings.remind_days:
        # Short from the start: the mail of the approval has the day.
        access.reminded = until
    errands.want_membership(session, person)
    return access


def find(session: Session, person: str) -> Access:
    """Return the access of a person, by Galaxy's id or by the e-mail address of the account.

    Raises
    ------
    NotThere
        The person never had one.
    """
    wanted = person.strip()
    query = select(Access).join(Person).options(joinedload(Access.person))
    # Not both in one question: no index helps with what may be either.
    is_wanted = func.lower(Person.email) == wanted.lower() if "@" in wanted else Person.id == wanted
    found = session.scalars(query.where(is_wanted)).first()
    if found is None:
        raise NotThere(
            f"{wanted[:80]!r} has no access here, and had none.",
            "Who has is on the page Accesses, and told by `nebulab access list`.",
        )
    return found


def revoke(session: Session, person: str, *, version: int | None, actor: Actor, context: Context, reason: str) -> None:
    """End a person's access now, and their places in courses.

    Raises
    ------
    NotThere, Overtaken, FormError
        Nothing was changed.
    """
    access = find(session, person)
    if access.ended is not None or version not in {None, access.version}:
        state = f"has ended already ({access.ending})" if access.ended else "has changed since you opened it"
        raise Overtaken(f"This access {state}.", "Nothing was changed; look at it again.")
    told = read_text(reason, "Write the reason: the person gets it by mail.", "reason")
    try:
        with session.begin_nested():
            access.reason = told
            _end(session, access, Ending.REVOKED, actor, letters.revoked(context.settings, told), context)
            revoking.remove_from_all(session, access.person_id, actor)
    except StaleDataError:
        raise Overtaken("Somebody changed this access at this moment.", "Look at it again.") from None


def expire(session: Session, context: Context) -> int:
    """End the accesses whose last day has passed, and return how many they were."""
    due = _lasting().where(Access.until < clock.today()).with_for_update(of=Access, skip_locked=True).limit(_AT_ONCE)
    ended = list(session.scalars(due))
    for access in ended:
        letter = letters.expired(context.settings, access.until)
        _end(session, access, Ending.EXPIRED, ITSELF, letter, context)
    return len(ended)


def remind(session: Session, context: Context, actor: Actor = ITSELF) -> int:
    """Send the mail on renewal for the accesses that end soon, once for each end, and return how many they were."""
    soon = clock.today() + timedelta(days=context.settings.remind_days)
    due = _lasting().where(
        Access.until <= soon,
        Access.until >= clock.today(),
        or_(Access.reminded.is_(None), Access.reminded != Access.until),
    )
    reminded = list(session.scalars(due.with_for_update(of=Access, skip_locked=True).limit(_AT_ONCE)))
    for access in reminded:
        access.reminded = access.until
        letter = letters.ending(context.settings, access.until)
        errands.send(session, access.person_id, _address(session, access), letter, context.settings.sender)
        note(session, actor, "reminded", person=access.person_id, until=access.until)
    return len(reminded)


def listed(session: Session, page: int = 1, *, ended: bool = False) -> list[Access]:
    """Return accesses with their persons: those that last, the soonest end first, or those that have ended."""
    query = select(Access).options(joinedload(Access.person))
    if ended:
        query = query.where(Access.ended.is_not(None)).order_by(Access.ended.desc(), Access.person_id)
    else:
        query = query.where(Access.ended.is_(None)).order_by(Access.until, Access.person_id)
    return list(session.scalars(query.limit(PAGE).offset((page - 1) * PAGE)))


def lasting() -> ColumnElement[bool]:
    """Return the condition of an access that lasts today, as `may_use_gpus` tells it of one."""
    return and_(Access.ended.is_(None), Access.until >= clock.today())


def may_use_gpus(access: Access | None) -> bool:
    """Return whether an access lasts today."""
    return access is not None and access.ended is None and access.until >= clock.today()


def _lasting() -> Select[Access]:
    return select(Access).where(Access.ended.is_(None)).options(joinedload(Access.person)).order_by(Access.until)


def _end(
    session: Session, access: Access, ending: Ending, actor: Actor, letter: letters.Letter, context: Context
) -> None:
    access.ended, access.ending = clock.now(), ending
    errands.want_membership(session, access.person_id)
    errands.send(session, access.person_id, _address(session, access), letter, context.settings.sender)
    note(session, actor, ending, person=access.person_id, until=access.until)


def address_of(session: Session, person: str) -> str | None:
    """Return the confirmed address of the application by which a person got access; None for who never had it."""
    query = (
        select(Application.email)
        .where(Application.person_id == person, Application.state == State.APPROVED)
        .order_by(Application.decided.desc())
    )
    return session.scalars(query).first()


def _address(session: Session, access: Access) -> str:
    return address_of(session, access.person_id) or access.person.email
