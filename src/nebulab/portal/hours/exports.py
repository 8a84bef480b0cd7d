"""The GPU hours of a month as tables, CSV, JSON and InfluxDB's line protocol; runs beside Galaxy."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nebulab.portal import clock
from nebulab.portal.hours.galaxy_tables import GalaxyTables, Names
from nebulab.portal.hours.use import Job, Sum, month_of, summed

NOBODY = "(no account)"


@dataclass(frozen=True)
class Report:
    """The hours of one month; who is in several roles or groups counts in each."""

    month: str
    accounts: Mapping[str, Sum]
    roles: Mapping[str, Sum]
    groups: Mapping[str, Sum]
    tools: Mapping[str, Sum]

    @property
    def hours(self) -> float:
        """All hours of the month."""
        return sum(one.hours for one in self.accounts.values())


def this_month() -> str:
    """Return the month as addresses and options write it: 2026-11."""
    return f"{clock.now():%Y-%m}"


def report(tables: GalaxyTables, month: str) -> Report:
    """Read and add up a month, written as 2026-11.

    Raises
    ------
    ValueError
        It is no month.
    SettingsError
        Galaxy's database can't be read.
    """
    since, until = month_of(month)
    now = clock.now()
    jobs = tables.jobs(since, until)
    names = tables.names(job.account for job in jobs if job.account is not None)

    def of(job: Job) -> Names:
        return names.get(job.account or -1, Names())

    return Report(
        month=month,
        accounts=summed(jobs, since, until, now, lambda job: (job.email or NOBODY,)),
        roles=summed(jobs, since, until, now, lambda job: of(job).roles),
        groups=summed(jobs, since, until, now, lambda job: of(job).groups),
        tools=summed(jobs, since, until, now, lambda job: (job.short_tool,)),
    )


def as_json(found: Report) -> dict[str, Any]:
    """Return a month for JSON: hours, and the share of the measured ones in which the GPU was idle, in percent."""
    told: dict[str, Any] = {"month": found.month, "hours": round(found.hours, 3)}
    for name in ("accounts", "roles", "groups", "tools"):
        sums: Mapping[str, Sum] = getattr(found, name)
        told[name] = [{"name": key} | _figures(one) for key, one in sums.items()]
    return told


def _figures(one: Sum) -> dict[str, Any]:
    return {
        "hours": round(one.hours, 3),
        "measured_hours": round(one.measured_hours, 3),
        "idle_percent": None if one.idle is None else round(one.idle, 1),
        "jobs": one.jobs,
    }


def month_as_csv(found: Report) -> str:
    """Return a month's accounts, a line each."""
    rows = [{"month": found.month, "account": name} | _figures(one) for name, one in found.accounts.items()]
    return _csv(["month", "account", "hours", "measured_hours", "idle_percent", "jobs"], rows)


_JOB_FIELDS = (
    "job", "tool", "begun", "ended", "gpus", "model", "hours", "load_percent", "idle_percent", "memory_peak_mb",
    "memory_total_mb",
)  # fmt: skip


def jobs_as_csv(jobs: Sequence[Job]) -> str:
    """Return jobs, a line each; times in UTC, memory in MiB."""
    return _csv(_JOB_FIELDS, [_job(job) for job in jobs])


def _job(job: Job) -> dict[str, Any]:
    values = (
        job.id, job.short_tool, _time(job.begun), _time(job.ended), job.gpus, job.model, round(job.hours, 3), job.load,
        job.idle, job.memory_peak_mb, job.memory_total_mb,
    )  # fmt: skip
    return dict(zip(_JOB_FIELDS, values, strict=True))


def _time(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat(sep=" ", timespec="seconds")


def _csv(fields: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fields)
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    # Programs that open such a file take a text with these at its start for a formula.
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def as_lines(found: Report) -> str:
    """Return a month in InfluxDB's line protocol, without times: who collects the lines adds the time of reading."""
    lines = []
    for kind in ("account", "role", "group", "tool"):
        sums: Mapping[str, Sum] = getattr(found, f"{kind}s")
        for name, one in sums.items():
            fields = [f"{key}={value}" for key, value in _figures(one).items() if value is not None and key != "jobs"]
            lines.append(
                f"nebulab_gpu_hours,{kind}={_tag(name)},month={found.month} {','.join(fields)},jobs={one.jobs}i\n"
            )
    return "".join(lines)


def _tag(text: str) -> str:
    # The protocol has no way to write the end of a line, or a backslash before what is escaped.
    plain = text.replace("\\", "/").replace("\n", " ").replace("\r", " ")
    for each in (",", "=", " "):
        plain = plain.replace(each, f"\\{each}")
    return plain
