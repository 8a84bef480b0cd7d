"""Galaxy's tables as far as the portal reads them, filled by tests; test_job_metrics.py compares them with Galaxy's."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import create_engine, delete, event, insert, update

from nebulab import contract
from nebulab.portal import clock
from nebulab.portal.hours import galaxy_tables as tables
from nebulab.portal.settings import PortalSettings

PROJECT_TOOL = "toolshed.example.org/repos/owner/train/train/1.0"


def _in_a_hurry(connection: Any, _record: Any) -> None:
    """Wait for no disk: each row is a commit, and a test's database need not outlive a power cut."""
    connection.execute("PRAGMA synchronous = OFF")


class GalaxyDatabase:
    """A database of Galaxy's; its times are hours before `now`, the portal's clock when it was made."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.now = clock.now()
        self._engine = create_engine(url)
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _in_a_hurry)
        self._numbers = itertools.count(1)
        self._names: dict[tuple[str, str], int] = {}
        for table in tables.TABLES:
            table.drop(self._engine, checkfirst=True)
            table.create(self._engine)

    def close(self) -> None:
        for table in tables.TABLES:
            table.drop(self._engine)
        self._engine.dispose()

    def known_to(self, settings: PortalSettings) -> PortalSettings:
        """Return the settings of a portal that reads it."""
        return replace(settings, galaxy_database=self.url)

    def run(self, statements: str) -> None:
        with self._engine.begin() as connection:
            for statement in statements.split(";"):
                if statement.strip():
                    connection.exec_driver_sql(statement)

    def add(self, table: Any, **values: Any) -> int:
        number = next(self._numbers)
        with self._engine.begin() as connection:
            connection.execute(insert(table).values(id=number, **values))
        return number

    def user(self, email: str, *, deleted: bool = False) -> int:
        return self.add(tables.USER, email=email, deleted=deleted)

    def named(self, table: Any, name: str, **values: Any) -> int:
        """Return the id of a role or a group, which is made where it is missing."""
        key = (table.name, name)
        if key not in self._names:
            self._names[key] = self.add(table, name=name, **({"deleted": False} | values))
        return self._names[key]

    def role(self, user: int, name: str, **values: Any) -> None:
        role = self.named(tables.ROLE, name, **({"type": "admin"} | values))
        self.add(tables.USER_ROLE, user_id=user, role_id=role)

    def group(self, user: int, name: str, *roles: str, **values: Any) -> None:
        group = self.named(tables.GROUP, name, **values)
        self.add(tables.USER_GROUP, user_id=user, group_id=group)
        for role in roles:
            number = self.named(tables.ROLE, role, type="admin")
            self.add(tables.GROUP_ROLE, group_id=group, role_id=number)

    def before(self, hours: float) -> datetime:
        return self.now - timedelta(hours=hours)

    def job(
        self,
        user: int | None,
        *,
        begun: float,
        ended: float | None = None,
        tool: str = contract.LAB_TOOL,
        figures: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        **values: Any,
    ) -> int:
        """Add a job that began and ended so many hours ago, which runs without an end."""
        last = begun if ended is None else ended
        job = self.add(
            tables.JOB,
            **{
                "user_id": user,
                "tool_id": tool,
                "state": "running" if ended is None else "ok",
                "create_time": self.before(begun + 0.1),
                "update_time": self.before(last),
                "imported": False,
                "destination_params": json.dumps(params or {}).encode(),
            }
            | values,
        )
        states = [("new", begun + 0.1), ("queued", begun + 0.05), ("running", begun)]
        for state, hours in [*states, *([("ok", ended)] if ended is not None else [])]:
            self.add(tables.HISTORY, job_id=job, state=state, create_time=self.before(hours))
        for name, value in (figures or {}).items():
            table = tables.TEXTS if isinstance(value, str) else tables.NUMBERS
            self.add(table, job_id=job, plugin="gpu", metric_name=name, metric_value=value)
        return job

    def end(self, job: int, hours: float, **figures: Any) -> None:
        """End a running job."""
        moment = self.before(hours)
        with self._engine.begin() as connection:
            connection.execute(update(tables.JOB).where(tables.JOB.c.id == job).values(state="ok", update_time=moment))
        self.add(tables.HISTORY, job_id=job, state="ok", create_time=moment)
        for name, value in figures.items():
            self.add(tables.NUMBERS, job_id=job, plugin="gpu", metric_name=name, metric_value=value)

    def forget_history(self, job: int) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(tables.HISTORY).where(tables.HISTORY.c.job_id == job))


def figures(hours: float, **others: Any) -> dict[str, Any]:
    """Return a job's figures as the plug-in has them: one A100 at half load, a quarter of the time idle."""
    known: dict[str, Any] = {
        "model": "1 x NVIDIA A100-SXM4-40GB",
        "gpu_count": 1,
        "gpu_hours": hours,
        "load_mean_percent": 45.0,
        "idle_percent": 25.0,
        "idle_hours": hours / 4,
        "memory_peak_mb": 20_480.0,
        "memory_total_mb": 40_960.0,
    }
    return known | others
