"""Jobs with GPUs, and who is in which role and group, read from Galaxy's own tables; runs beside Galaxy.

Galaxy's database is only read: SQLite is opened so, and PostgreSQL is told so for each connection. The tables and
columns that are read are those of `deploy/galaxy-reader.sql`, which gives a user of PostgreSQL's no right beyond them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    NullPool,
    Numeric,
    Select,
    String,
    Table,
    case,
    create_engine,
    func,
    or_,
    select,
    union,
)
from sqlalchemy.exc import SQLAlchemyError

from nebulab import contract
from nebulab.errors import SettingsError
from nebulab.portal import clock
from nebulab.portal.hours.use import Job

PLUGIN = "gpu"
"""Ours among the plug-ins of Galaxy's job metrics."""
TOOLS = (contract.LAB_TOOL, contract.JOB_TOOL)
_ENDED = ("ok", "error", "failed", "deleted", "deleting", "stop", "stopped")
_COUNTS = ("nebulab_gpus", "request_gpus")
"""Parameters of a destination that tell a job's GPUs: that of our rules for TPV, and HTCondor's."""
_MOST_GPUS = 1_024
_NEARLY, _START_HOURS = 0.9, 0.1
"""By so much the figures of a job may be below the time for which Galaxy says that it ran: it starts, and ends."""
_PERSONAL = ("private", "sharing")
"""Types of roles that Galaxy makes for one user or dataset."""
_WAIT_MILLISECONDS = 60_000

_GALAXY = MetaData()
JOB = Table(
    "job",
    _GALAXY,
    Column("id", Integer, primary_key=True),
    Column("user_id", Integer),
    Column("tool_id", String),
    Column("state", String),
    Column("create_time", DateTime),
    Column("update_time", DateTime),
    Column("imported", Boolean),
    # JSON, in bytes.
    Column("destination_params", LargeBinary),
)
HISTORY = Table(
    "job_state_history",
    _GALAXY,
    Column("id", Integer, primary_key=True),
    Column("job_id", Integer),
    Column("state", String),
    Column("create_time", DateTime),
)
NUMBERS = Table(
    "job_metric_numeric",
    _GALAXY,
    Column("id", Integer, primary_key=True),
    Column("job_id", Integer),
    Column("plugin", String),
    Column("metric_name", String),
    Column("metric_value", Numeric(26, 7, asdecimal=False)),
)
TEXTS = Table(
    "job_metric_text",
    _GALAXY,
    Column("id", Integer, primary_key=True),
    Column("job_id", Integer),
    Column("plugin", String),
    Column("metric_name", String),
    Column("metric_value", String),
)
USER = Table(
    "galaxy_user",
    _GALAXY,
    Column("id", Integer, primary_key=True),
    Column("email", String),
    Column("deleted", Boolean),
)
ROLE = Table(
    "role",
    _GALAXY,
    Column("id", Integer, primary_key=True),
    Column("name", String),
    Column("type", String),
    Column("deleted", Boolean),
)
GROUP = Table(
    "galaxy_group",
    _GALAXY,
    Column("id", Integer, primary_key=True),
    Column("name", String),
    Column("deleted", Boolean),
)
USER_ROLE = Table(
    "user_role_association",
    _GALAXY,
    Column("id", Integer, primary_key=True),
    Column("user_id", Integer),
    Column("role_id", Integer),
)
USER_GROUP = Table(
    "user_group_association",
    _GALAXY,
    Column("id", Integer, primary_key=True),
    Column("user_id", Integer),
    Column("group_id", Integer),
)
GROUP_ROLE = Table(
    "group_role_association",
    _GALAXY,
    Column("id", Integer, primary_key=True),
    Column("group_id", Integer),
    Column("role_id", Integer),
)
TABLES = tuple(_GALAXY.tables.values())


@dataclass
class Names:
    """The roles and the groups of an account, by their names."""

    roles: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)


class GalaxyTables:
    """Galaxy's database; usable from several threads.

    Parameters
    ----------
    job_gpus
        The GPUs of a session or training of ours for which neither its figures nor its destination tell a number.
    """

    def __init__(self, url: str, job_gpus: int = 0) -> None:
        self._job_gpus = job_gpus
        if url.startswith("sqlite:///"):
            if "?" not in url:
                url = f"sqlite:///file:{url.removeprefix('sqlite:///')}?mode=ro&uri=true"
            self._engine = create_engine(url, poolclass=NullPool)
        else:
            options = f"-c default_transaction_read_only=on -c statement_timeout={_WAIT_MILLISECONDS}"
            self._engine = create_engine(url, poolclass=NullPool, connect_args={"options": options})

    def jobs(self, since: datetime, until: datetime | None = None, *, email: str | None = None) -> list[Job]:
        """Return the jobs with GPUs that ran between two moments, of an account or of all, the latest first.

        Raises
        ------
        SettingsError
            The database does not answer, or is none of Galaxy's.
        """
        now = clock.now()
        with self._reading() as connection:
            rows = connection.execute(self._rows(since, until, email)).all()
            wanted = self._wanted(since, until, email).with_only_columns(JOB.c.id)
            figures = _figures(connection, wanted)
            spans = _spans(connection, wanted)
        found = [self._job(row, figures.get(row.id, {}), spans.get(row.id, (None, None)), now) for row in rows]
        end = now if until is None else until
        return [job for job in found if job is not None and job.begun < end and (job.ended or now) >= since]

    def rows(self, query: Select[Any]) -> Sequence[Any]:
        """Return the rows of another question to the tables above.

        Raises
        ------
        SettingsError
            As `jobs`.
        """
        with self._reading() as connection:
            return connection.execute(query).all()

    def names(self, accounts: Iterable[int]) -> dict[int, Names]:
        """Return the roles and groups of accounts (Galaxy's numbers); deleted ones count for nothing.

        Raises
        ------
        SettingsError
            As `jobs`.
        """
        wanted = sorted(set(accounts))
        found = {account: Names() for account in wanted}
        with self._reading() as connection:
            # In parts: SQLite takes 32,766 values at most.
            for start in range(0, len(wanted), 10_000):
                part = wanted[start : start + 10_000]
                for account, name in connection.execute(_GROUPS.where(USER_GROUP.c.user_id.in_(part))):
                    found[account].groups.add(name)
                for account, name in connection.execute(select(_ROLES).where(_ROLES.c.user_id.in_(part))):
                    found[account].roles.add(name)
        return found

    def named(self) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
        """Return the accounts (Galaxy's numbers) of each group and of each role by its name, also of those with none.

        Raises
        ------
        SettingsError
            As `jobs`.
        """
        with self._reading() as connection:
            groups: dict[str, set[int]] = {
                name: set() for name in connection.scalars(select(GROUP.c.name).where(GROUP.c.deleted.is_not(True)))
            }
            roles: dict[str, set[int]] = {name: set() for name in connection.scalars(_a_role(select(ROLE.c.name)))}
            for found, query in ((groups, _GROUPS), (roles, select(_ROLES))):
                for account, name in connection.execute(query):
                    found[name].add(account)
        return groups, roles

    def addresses(self) -> list[tuple[int, str]]:
        """Return Galaxy's number and the address of each account.

        Raises
        ------
        SettingsError
            As `jobs`.
        """
        query = select(USER.c.id, USER.c.email).where(USER.c.deleted.is_not(True))
        return [(row.id, row.email) for row in self.rows(query)]

    def account(self, email: str) -> int | None:
        """Return Galaxy's number of the account with an address.

        Raises
        ------
        SettingsError
            As `jobs`.
        """
        with self._reading() as connection:
            query = select(USER.c.id).where(USER.c.email == email, USER.c.deleted.is_not(True))
            return connection.scalar(query)

    def address(self, account: int) -> str | None:
        """Return the address of an account (Galaxy's number), None where there is none, or no longer.

        Raises
        ------
        SettingsError
            As `jobs`.
        """
        with self._reading() as connection:
            return connection.scalar(select(USER.c.email).where(USER.c.id == account, USER.c.deleted.is_not(True)))

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", error)).splitlines()[0]
            raise SettingsError(
                f"{contract.PORTAL_GALAXY_DATABASE}: Galaxy's database can't be read: {reason}.",
                "It is Galaxy's `database_connection`, with a user who may read what deploy/galaxy-reader.sql names.",
            ) from None

    def _wanted(self, since: datetime, until: datetime | None, email: str | None) -> Select[Any]:
        measured = select(NUMBERS.c.job_id).where(NUMBERS.c.plugin == PLUGIN, NUMBERS.c.job_id == JOB.c.id).exists()
        # A session that has run for longer than the window was changed before it.
        query = select(JOB).where(
            # Jobs of an imported history bring the figures of another Galaxy's.
            JOB.c.imported.is_not(True),
            or_(JOB.c.state == "running", (JOB.c.update_time >= since) & or_(of_tools(), measured)),
        )
        if until is not None:
            query = query.where(JOB.c.create_time < until)
        if email is not None:
            owner = select(USER.c.id).where(USER.c.email == email, USER.c.deleted.is_not(True))
            query = query.where(JOB.c.user_id.in_(owner))
        return query

    def _rows(self, since: datetime, until: datetime | None, email: str | None) -> Select[Any]:
        query = self._wanted(since, until, email).outerjoin(USER, USER.c.id == JOB.c.user_id)
        return query.add_columns(USER.c.email).order_by(JOB.c.id.desc())

    def _job(
        self, row: Any, told: dict[str, Any], span: tuple[datetime | None, datetime | None], now: datetime
    ) -> Job | None:
        runs = row.state == "running"
        measured = [float(told[name]) for name in ("gpu_hours", "mig_hours") if name in told]
        held = self._gpus(row)
        gpus = sum(int(told.get(name, 0)) for name in ("gpu_count", "mig_count")) or held
        begun, ended = span
        ended = None if runs else ended or (row.update_time if measured or row.state in _ENDED else None)
        if ended is None and not runs:
            # It waits, perhaps once more.
            return None
        if begun is None and measured and ended is not None:
            begun = ended - timedelta(hours=sum(measured) / max(1, gpus))
        if begun is None and runs:
            begun = row.update_time
        if begun is None or not (measured or gpus):
            # It never ran, or had no GPU.
            return None
        job = Job(row.id, row.user_id, row.email or "", row.tool_id or "", begun, ended, 0.0, gpus)
        hours = max(0.0, ((ended or now) - begun).total_seconds()) / 3600 * held
        if not measured:
            # Nobody measured it, or not yet: what it holds, holds nobody else.
            return replace(job, hours=hours)
        # The figures lie in the job's folder, where its user may reach them: far below what was held they count not.
        is_far_below = sum(measured) < _NEARLY * hours - _START_HOURS
        return replace(
            job,
            hours=hours if is_far_below else sum(measured),
            model=str(told.get("model", "")),
            load=told.get("load_mean_percent"),
            idle=told.get("idle_percent"),
            idle_hours=told.get("idle_hours"),
            memory_peak_mb=told.get("memory_peak_mb"),
            memory_total_mb=told.get("memory_total_mb"),
        )

    def _gpus(self, row: Any) -> int:
        told = _parameters(row.destination_params)
        for name in _COUNTS:
            if name in told:
                return _whole(told[name])
        return self._job_gpus if _is_ours(row.tool_id or "") else 0


def of_tools(tools: Sequence[str] = TOOLS) -> ColumnElement[bool]:
    """Return the condition of a job of these tools, from a tool shed or not; ours by default."""
    return or_(*(JOB.c.tool_id == tool for tool in tools), *(JOB.c.tool_id.like(f"%/{tool}/%") for tool in tools))


def _a_role(query: Select[Any]) -> Select[Any]:
    return query.where(ROLE.c.deleted.is_not(True), or_(ROLE.c.type.is_(None), ROLE.c.type.not_in(_PERSONAL)))


_GROUPS = (
    select(USER_GROUP.c.user_id, GROUP.c.name)
    .join(GROUP, GROUP.c.id == USER_GROUP.c.group_id)
    .where(GROUP.c.deleted.is_not(True))
)
_ROLES = union(
    _a_role(select(USER_ROLE.c.user_id, ROLE.c.name).join(ROLE, ROLE.c.id == USER_ROLE.c.role_id)),
    _a_role(
        select(USER_GROUP.c.user_id, ROLE.c.name)
        .join(GROUP, GROUP.c.id == USER_GROUP.c.group_id)
        .join(GROUP_ROLE, GROUP_ROLE.c.group_id == GROUP.c.id)
        .join(ROLE, ROLE.c.id == GROUP_ROLE.c.role_id)
        .where(GROUP.c.deleted.is_not(True))
    ),
).subquery()
"""The names of accounts' groups, and of their roles, their own and those of their groups."""


def _figures(connection: Connection, jobs: Select[Any]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for each in (NUMBERS, TEXTS):
        query = select(each.c.job_id, each.c.metric_name, each.c.metric_value)
        for job, name, value in connection.execute(query.where(each.c.plugin == PLUGIN, each.c.job_id.in_(jobs))):
            found.setdefault(job, {})[name] = value
    return found


def _spans(connection: Connection, jobs: Select[Any]) -> dict[int, tuple[datetime | None, datetime | None]]:
    begun = func.min(case((HISTORY.c.state == "running", HISTORY.c.create_time)))
    ended = func.min(case((HISTORY.c.state.in_(_ENDED), HISTORY.c.create_time)))
    query = select(HISTORY.c.job_id, begun, ended).where(HISTORY.c.job_id.in_(jobs)).group_by(HISTORY.c.job_id)
    return {job: (first, last) for job, first, last in connection.execute(query)}


def _parameters(stored: bytes | str | None) -> dict[str, Any]:
    try:
        told = json.loads(stored or b"{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _whole(value: Any) -> int:
    try:
        return max(0, min(_MOST_GPUS, int(float(value))))
    except (TypeError, ValueError, OverflowError):
        return 0


def _is_ours(tool: str) -> bool:
    return any(tool == each or f"/{each}/" in tool for each in TOOLS)
