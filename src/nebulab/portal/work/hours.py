"""GPU hours added up every two minutes, and Galaxy's group of accounts whose hours are used up; runs beside Galaxy.

Who is over the limit is put into that group, by whose role the rules for GPUs refuse; who is below it again is taken
out. The change is written with an errand and a mail in one transaction, as for accesses: it is done once, whatever is
away or killed meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from nebulab.errors import GalaxyError, NotThere
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.data.hour_tables import HourAccount, HourLimit, Whose
from nebulab.portal.data.tables import Errand
from nebulab.portal.hours import idle, limits
from nebulab.portal.hours.galaxy_tables import GalaxyTables, Names
from nebulab.portal.hours.limits import FREE_SHARE, Standing, in_words
from nebulab.portal.hours.use import Job, free_at, summed
from nebulab.portal.rules import accesses, errands, letters
from nebulab.portal.rules.audit import note
from nebulab.portal.rules.context import ITSELF, Actor, Context
from nebulab.portal.rules.letters import Letter
from nebulab.portal.work.membership import Groups
from nebulab.portal.work.settling import settle

USED_UP_ROLE = "gpu_hours_used_up"
"""The role of accounts whose hours are used up, which the rules for GPUs refuse."""
_LOOK_SECONDS, _COMPARE_SECONDS = 120.0, 600.0
_TOLD_AGAIN = timedelta(days=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Figures:
    """What a look has found, for programs that watch."""

    at: datetime
    by_tool: dict[str, float] = field(default_factory=dict)
    """GPU hours of the last day."""
    running_jobs: int = 0
    running_gpus: int = 0
    accounts: int = 0
    """With GPU hours in their window."""
    over: int = 0


@dataclass(frozen=True)
class _Found:
    """How an account stands at a look; `person` is Galaxy's id of it, where it is known."""

    account: int
    email: str
    person: str | None
    standing: Standing
    jobs: Sequence[Job]


class Hours:
    """Adds the hours up, and has Galaxy told."""

    def __init__(self, database: Database, galaxy: Groups, context: Context, tables: GalaxyTables) -> None:
        self._database = database
        self._galaxy = galaxy
        self._context = context
        self._tables = tables
        self._lock = threading.Lock()
        self._group: str | None = None
        self._figures: Figures | None = None

    @property
    def tables(self) -> GalaxyTables:
        """Galaxy's database."""
        return self._tables

    @property
    def figures(self) -> Figures | None:
        """What the last look has found; None before the first."""
        with self._lock:
            return self._figures

    def look(self) -> float:
        """Add up, and return the seconds until the next look.

        Raises
        ------
        NebulabError
            Galaxy or its database is away: what was found before stays.
        """
        now = clock.now()
        with self._database.reading() as session:
            rules = limits.listed(session)
            known = {row.account: row for row in session.scalars(select(HourAccount))}
        jobs = self._tables.jobs(now - timedelta(days=limits.longest(rules)))
        found = self._found(rules, known, jobs, now)
        with self._database.writing() as session:
            rows = {row.account: row for row in session.scalars(select(HourAccount).with_for_update())}
            for one in found:
                self._keep(session, rows.pop(one.account, None), one, now)
            for row in rows.values():
                # It has used nothing in its window; when it was warned is forgotten with it.
                if not row.over and not row.in_galaxy:
                    session.delete(row)
            session.flush()
            over = session.scalar(select(func.count()).select_from(HourAccount).where(HourAccount.over.is_(True))) or 0
        self._remember(jobs, len(found), over, now)
        return _LOOK_SECONDS

    def _found(
        self, rules: Sequence[HourLimit], known: dict[int, HourAccount], jobs: Sequence[Job], now: datetime
    ) -> list[_Found]:
        """Return how each account stands that has hours, or is marked; with its id where something is to be told."""
        of_account: dict[int, list[Job]] = {}
        for job in jobs:
            if job.account is not None:
                of_account.setdefault(job.account, []).append(job)
        emails = {account: own[0].email for account, own in of_account.items()}
        emails |= {row.account: row.email for row in known.values() if row.over and row.account not in emails}
        by_name = any(limit.whose in {Whose.ROLE, Whose.GROUP} for limit in rules)
        names = self._tables.names(emails) if by_name else {}
        found = []
        for account, email in emails.items():
            own, row = of_account.get(account, []), known.get(account)
            standing = limits.standing(rules, email, names.get(account, Names()), own, now)
            person = row.person_id if row is not None else None
            if person is None and (_matters(row, standing, now) or self._idle(row, own, now)):
                person = self._galaxy.account_id(email)
            found.append(_Found(account, email, person, standing, own))
        return found

    def _keep(self, session: Session, row: HourAccount | None, found: _Found, now: datetime) -> None:
        standing = found.standing
        if row is None:
            row = HourAccount(account=found.account, over=False)
            session.add(row)
        row.email, row.at = found.email, now
        row.used, row.hours, row.days = standing.used, standing.hours, standing.days
        row.person_id = row.person_id or found.person
        if row.person_id is None:
            # Nothing is to be told of it, or Galaxy has no such account any more.
            return
        over = is_over(row, standing)
        if over != row.over:
            row.over = over
            errands.want_hours(session, row.person_id)
            note(session, ITSELF, "hours-used-up" if over else "hours-back", person=row.person_id, days=standing.days)
            if over and not _recent(row.told, _TOLD_AGAIN, now):
                row.told = now
                back = free_at(found.jobs, FREE_SHARE * (standing.hours or 0), standing.days, now)
                self._send(session, row, letters.hours_used_up(self._context.settings, in_words(standing), back))
        elif not over and standing.is_near and not _recent(row.warned, timedelta(days=standing.days), now):
            row.warned = now
            note(session, ITSELF, "hours-warned", person=row.person_id, days=standing.days)
            self._send(session, row, letters.hours_nearly_used(self._context.settings, in_words(standing)))

        if wasted := self._idle(row, found.jobs, now):
            row.idle_told = now
            note(session, ITSELF, "idle-gpus", person=row.person_id, jobs=len(wasted))
            self._send(session, row, letters.gpus_idle(self._context.settings, idle.in_words(wasted)))

    def _idle(self, row: HourAccount | None, jobs: Sequence[Job], now: datetime) -> list[Job]:
        """Return the jobs of the last day of which a person is to be told, which is done once a day at most."""
        told = row.idle_told if row is not None else None
        if _recent(told, _TOLD_AGAIN, now):
            return []
        return idle.idle_jobs(jobs, now - _DAY, self._context.settings.idle_hours)

    def _send(self, session: Session, row: HourAccount, letter: Letter) -> None:
        person = row.person_id or ""
        to = accesses.address_of(session, person) or row.email
        errands.send(session, person, to, letter, self._context.settings.sender)

    def _remember(self, jobs: Sequence[Job], accounts: int, over: int, now: datetime) -> None:
        running = [job for job in jobs if job.ended is None]
        by_tool = summed(jobs, now - _DAY, now, now, lambda job: (job.short_tool,))
        figures = Figures(
            at=now,
            by_tool={tool: one.hours for tool, one in by_tool.items()},
            running_jobs=len(running),
            running_gpus=sum(job.gpus for job in running),
            accounts=accounts,
            over=over,
        )
        with self._lock:
            self._figures = figures

    def make(self, person: str) -> None:
        """Do an errand: make the membership of an account (Galaxy's id) what the database says when it is done.

        Raises
        ------
        NebulabError
            Galaxy is away, or refuses.
        """
        wanted = settle(lambda: self._wanted(person), lambda over: self._put(person, is_over=over))
        with self._database.writing() as session:
            for row in session.scalars(select(HourAccount).where(HourAccount.person_id == person)):
                row.in_galaxy = wanted

    def _put(self, person: str, *, is_over: bool) -> None:
        try:
            (self._galaxy.put_into if is_over else self._galaxy.take_out_of)(self._group_id(), person)
        except GalaxyError:
            # The group may have been deleted: look for it again the next time.
            with self._lock:
                self._group = None
            raise

    def _wanted(self, person: str) -> bool:
        with self._database.reading() as session:
            query = select(HourAccount.account).where(HourAccount.person_id == person, HourAccount.over.is_(True))
            return session.scalar(query.limit(1)) is not None

    def _group_id(self) -> str:
        with self._lock:
            if self._group is None:
                self._group = self._galaxy.group_with_role(group_name(self._context), USED_UP_ROLE)
            return self._group

    def look_at_galaxy(self) -> float:
        """Compare with Galaxy's group, and return the seconds until the next look."""
        self.compare()
        return _COMPARE_SECONDS

    def compare(self) -> int:
        """Write down whom Galaxy's group has, and return how many of them differ; nothing is changed in Galaxy.

        Raises
        ------
        NebulabError
            Galaxy is away, or refuses: what was found before stays.
        """
        with self._database.reading() as session:
            query = select(HourAccount.account).where(
                or_(HourAccount.over.is_(True), HourAccount.in_galaxy.is_not(None))
            )
            if not limits.listed(session) and session.scalar(query.limit(1)) is None:
                # No limit was ever set: Galaxy needs no such group.
                return 0
        began = clock.now()
        members = self._galaxy.members(self._group_id())
        with self._database.reading() as session:
            people = {row.person_id for row in session.scalars(select(HourAccount))}
        strangers = {person: self._tables.account(email) for person, email in members.items() if person not in people}
        with self._database.writing() as session:
            for person, account in strangers.items():
                if account is not None:
                    _stranger(session, account, person, members[person])
            session.flush()
            for row in session.scalars(select(HourAccount).where(HourAccount.person_id.is_not(None))):
                row.in_galaxy = row.person_id in members
            session.flush()
            # What is on its way, or has arrived while Galaxy was read, is no difference.
            underway = set(session.scalars(_underway(began)))
            for row in drift(session):
                if row.person_id in underway:
                    row.in_galaxy = row.over
            session.flush()
            return len(drift(session))


def _underway(since: datetime) -> Select[str]:
    is_new = or_(Errand.done.is_(None), Errand.done >= since)
    return select(Errand.person_id).where(Errand.kind == errands.HOURS, is_new)


def hours_of(database: Database, galaxy: Groups, context: Context) -> Hours | None:
    """Return what adds the hours up, None where the settings name no database of Galaxy's."""
    settings = context.settings
    if not settings.galaxy_database:
        return None
    return Hours(database, galaxy, context, GalaxyTables(settings.galaxy_database, settings.job_gpus))


def group_name(context: Context) -> str:
    """Return the name of Galaxy's group of accounts whose hours are used up."""
    return f"{context.settings.group} (hours used up)"


def drift(session: Session) -> list[HourAccount]:
    """Return the accounts that Galaxy's group has and should not, or the other way round, as it was last compared."""
    query = select(HourAccount).where(HourAccount.in_galaxy.is_not(None), HourAccount.in_galaxy != HourAccount.over)
    return list(session.scalars(query.order_by(HourAccount.email).limit(500)))


def mend(session: Session, account: int, actor: Actor) -> None:
    """Have Galaxy's group made what the database says of an account that differs.

    Raises
    ------
    NotThere
        Nothing differs, as far as the last comparison knows.
    """
    row = session.get(HourAccount, account)
    if row is None or row.person_id is None or row.in_galaxy in {None, row.over}:
        raise NotThere("Nothing differs there any more.", "Compare again.")
    row.in_galaxy = row.over
    errands.want_hours(session, row.person_id)
    note(session, actor, "hours-mended", person=row.person_id)


def _stranger(session: Session, account: int, person: str, email: str) -> None:
    row = session.get(HourAccount, account, with_for_update=True)
    if row is None:
        row = HourAccount(account=account, email=email, used=0.0, days=7, over=False, at=clock.now())
        session.add(row)
    row.person_id = person


def is_over(row: HourAccount | None, standing: Standing) -> bool:
    """Return whether the next job is refused: at the limit, and until it is left by a little."""
    return standing.is_over or (row is not None and row.over and not standing.is_free)


def _matters(row: HourAccount | None, standing: Standing, now: datetime) -> bool:
    """Return whether there is something to tell the person or Galaxy."""
    if is_over(row, standing) != (row is not None and row.over):
        return True
    return standing.is_near and not _recent(row.warned if row else None, timedelta(days=standing.days), now)


def _recent(moment: datetime | None, span: timedelta, now: datetime) -> bool:
    # One that is still to come was written before the clock was set back.
    return moment is not None and now - span < moment <= now
