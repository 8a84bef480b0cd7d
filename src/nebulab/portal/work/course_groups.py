"""Courses in Galaxy, made what the database says: a group for each, as TIaaS names it; runs beside Galaxy.

Who joins is in the group `training-<id>`. Its roles say how far the course is: `training-<id>` until it ends, with the
role that opens the gate while it lasts, and afterwards the one by which the gate tells "has ended". So a course begins
and ends for all of its participants at once, and nobody's own approval, which hangs on another group, is touched.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from nebulab.contract import LAB_TOOL
from nebulab.portal.data.courses import Course
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Errand, State
from nebulab.portal.rules.courses.asking import is_joined
from nebulab.portal.rules.courses.outbox import COURSE
from nebulab.portal.rules.courses.places import participants
from nebulab.portal.settings import EXPIRED_ROLE, PortalSettings
from nebulab.portal.work.settling import settle

_REMEMBERED_SECONDS = 5.0


class CourseRoles(Protocol):
    """What is asked of Galaxy (`nebulab.galaxy.administration`)."""

    def group_with_roles(self, group: str, roles: Mapping[str, str], without: Collection[str]) -> str:
        """Find or make the group, give it roles (their descriptions by name), take others from it; return its id."""

    def members_of(self, name: str) -> dict[str, str]:
        """Return the addresses of the users of a group of this name by their ids; none where it is not there."""

    def put_into(self, group: str, user: str) -> None:
        """Make a user a member."""

    def take_out_of(self, group: str, user: str) -> None:
        """End a membership."""

    def jobs_of(self, tool: str) -> list[dict[str, Any]]:
        """Return the jobs of a tool that wait or run, everybody's."""


@dataclass(frozen=True)
class Difference:
    """Who is in Galaxy's group and no participant, and the other way round: addresses by Galaxy's ids."""

    strangers: dict[str, str]
    missing: dict[str, str]


@dataclass(frozen=True)
class _Wanted:
    group: str
    roles: Mapping[str, str]
    without: frozenset[str]


class CourseGroups:
    """The groups of courses, and the sessions of their participants."""

    def __init__(self, database: Database, galaxy: CourseRoles, settings: PortalSettings) -> None:
        self._database = database
        self._galaxy = galaxy
        self._settings = settings
        self._sessions: tuple[float, dict[str, str]] | None = None
        self._lock = threading.Lock()

    def do(self, errand: Errand) -> None:
        """Do an errand: the course's roles, or one participant's membership.

        Raises
        ------
        NebulabError
            Galaxy is away, or refuses.
        """
        course, person = errand.course_id, errand.person_id

        def make(state: tuple[_Wanted, bool] | None) -> None:
            if state is None:
                return
            wanted, joined = state
            group = self._galaxy.group_with_roles(wanted.group, wanted.roles, wanted.without)
            if errand.kind != COURSE:
                (self._galaxy.put_into if joined else self._galaxy.take_out_of)(group, person)

        settle(lambda: self._state(course, person), make)

    def _state(self, course: str, person: str) -> tuple[_Wanted, bool] | None:
        with self._database.reading() as session:
            found = session.get(Course, course)
            if found is None or found.state != State.APPROVED or found.slug is None:
                return None
            return self._wanted(found), is_joined(session, course, person)

    def _wanted(self, course: Course) -> _Wanted:
        own, gpus = course.galaxy_name, self._settings.role
        if course.ended is not None:
            # Who never could use GPUs by this course has no access that has ended.
            roles = {EXPIRED_ROLE: ""} if course.begun is not None else {}
        else:
            # `deploy/tpv/nebulab.yml` reads the first day there.
            roles = {own: f"GPUs from {course.begins.isoformat()}: a course of Nebulab's portal"}
            if course.begun is not None:
                roles[gpus] = ""
        return _Wanted(own, roles, frozenset({own, gpus, EXPIRED_ROLE} - roles.keys()))

    def difference(self, course: str) -> Difference:
        """Return how the members of a course's group in Galaxy differ from its participants.

        Raises
        ------
        NebulabError
            Galaxy is away, or refuses.
        """
        with self._database.reading() as session:
            found = session.get(Course, course)
            if found is None or found.slug is None:
                return Difference({}, {})
            here = {place.person_id: place.person.email for place in participants(session, course)}
        there = self._galaxy.members_of(found.galaxy_name)
        return Difference(
            {person: email for person, email in there.items() if person not in here},
            {person: email for person, email in here.items() if person not in there},
        )

    def sessions(self) -> dict[str, str]:
        """Return how everybody's session is, by the address of the account: `running`, or `queued`.

        Raises
        ------
        NebulabError
            Galaxy is away, or refuses.
        """
        with self._lock:
            if self._sessions is None or time.monotonic() - self._sessions[0] > _REMEMBERED_SECONDS:
                found: dict[str, str] = {}
                for job in self._galaxy.jobs_of(LAB_TOOL):
                    email, state = str(job.get("user_email") or ""), str(job.get("state"))
                    if found.get(email) != "running":
                        found[email] = "running" if state == "running" else "queued"
                self._sessions = time.monotonic(), found
            return self._sessions[1]
