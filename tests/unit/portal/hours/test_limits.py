"""Which limit counts for whom, and what the administrators' form takes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from nebulab.errors import FormError, NotThere
from nebulab.portal.data.database import Database
from nebulab.portal.data.hour_tables import HourLimit
from nebulab.portal.hours import galaxy_tables, limits
from nebulab.portal.hours.galaxy_tables import Names
from nebulab.portal.hours.limits import Standing
from nebulab.portal.hours.use import Job
from nebulab.portal.rules import audit
from support.applicants import REVIEWER
from support.galaxy_database import GalaxyDatabase

NOW = datetime(2026, 11, 29, 12)
JOBS = [Job(1, 7, "ada@x.org", "t", NOW - timedelta(hours=30), NOW - timedelta(hours=10), 20.0)]
"""Six hours before the last day, fourteen within it."""


def limit(whose: str, hours: float | None, days: int = 7, name: str = "") -> HourLimit:
    return HourLimit(whose=whose, name=name, hours=hours, days=days)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], (20, None, 7)),
        ([limit("everybody", 40)], (20, 40, 7)),
        ([limit("everybody", 40, 1)], (14, 40, 1)),
        ([limit("everybody", 40), limit("role", 10, name="students")], (20, 10, 7)),
        ([limit("everybody", 40), limit("role", 10, name="others")], (20, 40, 7)),
        ([limit("role", 5, 1, "training-*"), limit("everybody", 40)], (14, 5, 1)),
        ([limit("role", 5, 1, "training-*"), limit("role", 30, 7, "students")], (20, 30, 7)),
        ([limit("role", 5, 1, "training-*"), limit("role", None, 7, "students")], (20, None, 7)),
        ([limit("group", 8, 2, "Lab of *"), limit("everybody", 40)], (20, 8, 2)),
        ([limit("group", 8, 2, "Lab of [Ab]*"), limit("everybody", 40)], (20, 40, 7)),
        ([limit("account", 8, 2, "*@x.org"), limit("everybody", 40)], (20, 8, 2)),
        ([limit("account", 8, 2, "*@y.org"), limit("everybody", 40)], (20, 40, 7)),
        ([limit("group", 8, 2, "Lab of *"), limit("role", 9, 2, "students")], (20, 9, 2)),
        ([limit("account", 3, 3, "ada@x.org"), limit("role", 90, name="students")], (20, 3, 3)),
        ([limit("account", 3, 3, "bob@x.org"), limit("group", 8, name="students")], (20, None, 7)),
    ],
)
def test_the_limit_that_counts(rules: list[HourLimit], expected: tuple[float, float | None, int]) -> None:
    names = Names(roles={"students", "training-gpu-2026"}, groups={"Lab of Grace"})
    found = limits.standing(rules, "Ada@x.org", names, JOBS, NOW)
    assert (round(found.used, 6), found.hours, found.days) == expected


def test_whom_a_limit_counts_for(galaxy_database: GalaxyDatabase) -> None:
    """A name may be of what is to come, and a misspelt one is seen."""
    ada, bob = (galaxy_database.user(f"{name}@x.org") for name in ("ada", "bob"))
    galaxy_database.group(ada, "Lab of Ada", "gpu_long")
    galaxy_database.group(bob, "Lab of Bob")
    galaxy_database.role(bob, "gpu_long")
    galaxy_database.named(galaxy_tables.ROLE, "empty", type="admin")
    rules = {
        "2 accounts   ": limit("everybody", 40),
        "1 account": limit("account", 5, name="ada@x.org"),
        "nobody: Galaxy has no account of this name; did you mean bob@x.org?": limit("account", 5, name="bop@x.org"),
        "2 accounts  ": limit("account", 5, name="*@x.org"),
        "2 accounts": limit("role", 5, name="gpu_long"),
        "2 accounts ": limit("group", 5, name="Lab of *"),
        "0 accounts": limit("role", 5, name="empty"),
        "nobody: Galaxy has no role of this name; did you mean gpu_long?": limit("role", 5, name="gpu-long"),
        "nobody: Galaxy has no group of this name": limit("group", 5, name="training-*"),
    }
    for number, one in enumerate(rules.values()):
        one.id = str(number)
    tables = galaxy_tables.GalaxyTables(galaxy_database.url)
    assert list(limits.reach(rules.values(), tables).values()) == [told.strip() for told in rules]


@pytest.mark.parametrize(
    ("used", "near", "over", "free"),
    [
        (31.9, False, False, True),
        (32, True, False, True),
        (38, True, False, False),
        (39.99, True, False, False),
        (40, True, True, False),
    ],
)
def test_near_over_and_free_again(used: float, near: bool, over: bool, free: bool) -> None:
    found = Standing(used, 40.0, 7)
    assert (found.is_near, found.is_over, found.is_free) == (near, over, free)
    unlimited = Standing(used, None, 7)
    assert (unlimited.is_near, unlimited.is_over, unlimited.is_free) == (False, False, True)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"name": "training-*"}, "name"),  # meant for a role, and would hold for everybody
        *(
            ({"hours": text}, "hours")
            for text in ("٣", "1_0", "1e3", "+40", "1e-320", "nan", "inf", "0", "-1", "0.001")
        ),
        *(({"days": text}, "days") for text in ("0", "1.5", "93", "٣", "9" * 5000)),
    ],
)
def test_what_is_no_limit_is_refused(database: Database, fields: dict[str, str], fault: str) -> None:
    whole = {"whose": "everybody", "name": "", "hours": "40", "days": "7"} | fields
    with database.writing() as session, pytest.raises(FormError) as refused:
        limits.put(session, REVIEWER, **whole)
    assert set(refused.value.faults) == {fault}


def test_hours_may_have_a_comma(database: Database) -> None:
    with database.writing() as session:
        assert limits.put(session, REVIEWER, whose="everybody", name="", hours=" 2,5 ", days="7").hours == 2.5


def test_a_limit_is_set_changed_and_removed(database: Database) -> None:
    with database.writing() as session:
        limits.put(session, REVIEWER, whose="role", name=" training-* ", hours="12.5", days="2")
        limits.put(session, REVIEWER, whose="everybody", name="", hours="40", days="7")
        limits.put(session, REVIEWER, whose="account", name="Ada@X.org", hours="", days="7")
    with database.writing() as session:
        limits.put(session, REVIEWER, whose="role", name="training-*", hours="20", days="3")
    with database.reading() as session:
        found = limits.listed(session)
        assert [(one.whose, one.name, one.hours, one.days) for one in found] == [
            ("account", "ada@x.org", None, 7), ("role", "training-*", 20, 3), ("everybody", "", 40, 7),
        ]  # fmt: skip
        assert limits.longest(found) == 7
        acts = audit.latest(session, 9)
    assert [act.act for act in acts] == ["hour-limit"] * 4
    assert (acts[0].actor, acts[0].detail["hours"], acts[1].detail["hours"]) == (REVIEWER.id, "20", "none")
    # No name that a person wrote.
    assert not any("training" in str(act.detail) for act in acts)
    with database.writing() as session:
        limits.remove(session, REVIEWER, found[1].id)
    with database.writing() as session, pytest.raises(NotThere):
        limits.remove(session, REVIEWER, found[1].id)
    with database.reading() as session:
        assert len(limits.listed(session)) == 2


@pytest.mark.parametrize(
    ("field", "filled"),
    [
        ("whose", {"whose": "nobody"}),
        ("whose", {"whose": ""}),
        ("name", {"whose": "role", "name": " "}),
        ("name", {"whose": "group", "name": "x" * 201}),
        ("name", {"whose": "role", "name": "a\x00b"}),
        ("name", {"whose": "account", "name": "ada"}),
        ("hours", {"hours": "0"}),
        ("hours", {"hours": "-1"}),
        ("hours", {"hours": "nan"}),
        ("hours", {"hours": "inf"}),
        ("hours", {"hours": "many"}),
        ("days", {"days": "0"}),
        ("days", {"days": "93"}),
        ("days", {"days": "1.5"}),
        ("days", {"days": "٣"}),
        ("days", {"days": "9" * 5000}),
        ("days", {"days": ""}),
    ],
)
def test_what_is_no_limit_is_told_beside_its_field(database: Database, field: str, filled: dict[str, str]) -> None:
    fields = {"whose": "everybody", "name": "", "hours": "40", "days": "7"} | filled
    with pytest.raises(FormError) as caught, database.writing() as session:
        limits.put(session, REVIEWER, **fields)
    assert list(caught.value.faults) == [field]
    with database.reading() as session:
        assert limits.listed(session) == []
