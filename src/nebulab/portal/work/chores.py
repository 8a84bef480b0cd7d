"""All that the portal does by itself, put together; runs beside Galaxy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Errand
from nebulab.portal.rules import accesses, errands
from nebulab.portal.rules.context import Context
from nebulab.portal.rules.courses import deciding, outbox
from nebulab.portal.work import waits
from nebulab.portal.work.comparison import Comparison
from nebulab.portal.work.course_groups import CourseGroups, CourseRoles
from nebulab.portal.work.delivery import Delivery
from nebulab.portal.work.hours import hours_of
from nebulab.portal.work.keeper import Health, Keeper
from nebulab.portal.work.membership import Groups, Membership
from nebulab.portal.work.post import Post
from nebulab.portal.work.resources import Resources

_EXPIRY_SECONDS = 60.0


class Galaxy(Groups, CourseRoles, Protocol):
    """What chores ask of Galaxy."""


class Chores:
    """The portal's chores: errands, expiry and reminders, the comparison with Galaxy, the page of resources."""

    def __init__(self, database: Database, context: Context, galaxy: Galaxy, post: Post) -> None:
        self._database = database
        self._context = context
        membership = Membership(database, galaxy, context.settings)
        self.courses = CourseGroups(database, galaxy, context.settings)
        self.comparison = Comparison(database, membership)
        self.hours = hours_of(database, galaxy, context)
        self.in_galaxy: dict[str, Callable[[Errand], object]] = {
            errands.MEMBERSHIP: lambda errand: membership.make(errand.person_id),
            **dict.fromkeys((outbox.COURSE, outbox.PLACE), self.courses.do),
        }
        if (hours := self.hours) is not None:
            self.in_galaxy |= {errands.HOURS: lambda errand: hours.make(errand.person_id)}
        self.delivery = Delivery(database, post, self.in_galaxy)
        settings = context.settings
        self.resources = Resources(
            database,
            settings.pool,
            settings.folder,
            waits=lambda: waits.read(settings.galaxy_database) if settings.galaxy_database else waits.NOTHING,
        )
        self._adding_up: Keeper | None = None
        self._errands = Keeper("Memberships in Galaxy, and mails", self.delivery.look)
        self._keepers = (
            self._errands,
            Keeper("Accesses that end", self.end_accesses),
            Keeper("Courses that begin and end", self.follow_courses),
            Keeper("Comparison with Galaxy's groups", self.comparison.look),
            *([Keeper("Machines and queue", self.resources.look)] if settings.pool else []),
            *self._of_hours(),
            *([Keeper("Waits in Galaxy", self.resources.look_at_waits)] if settings.galaxy_database else []),
        )

    def _of_hours(self) -> list[Keeper]:
        if self.hours is None:
            return []
        self._adding_up = Keeper("GPU hours", self._add_up)
        return [self._adding_up, Keeper("Comparison with Galaxy's group of used-up hours", self.hours.look_at_galaxy)]

    def _add_up(self) -> float:
        assert self.hours is not None  # noqa: S101 - its keeper would not be there
        pause = self.hours.look()
        self.wake()
        return pause

    def start(self) -> None:
        """Begin all."""
        for keeper in self._keepers:
            keeper.start()

    def stop(self) -> None:
        """End all, after what is under way."""
        for keeper in self._keepers:
            keeper.stop()
        self.resources.close()

    def wake(self) -> None:
        """Do errands now: something was decided."""
        self._errands.wake()

    def add_up(self) -> None:
        """Add the GPU hours up now: a limit was changed."""
        if self._adding_up is not None:
            self._adding_up.wake()

    def health(self) -> list[Health]:
        """Return how each chore is."""
        return [keeper.health() for keeper in self._keepers]

    def follow_courses(self) -> float:
        """Begin and end the courses whose time it is, and return the seconds until the next look."""
        with self._database.writing() as session:
            followed = deciding.begin_and_end(session, self._context)
        if followed:
            self.wake()
        return 0.0 if followed >= deciding.AT_ONCE else _EXPIRY_SECONDS

    def end_accesses(self) -> float:
        """End the accesses whose time is over, send the reminders, and return the seconds until the next look."""
        with self._database.writing() as session:
            ended = accesses.expire(session, self._context)
        with self._database.writing() as session:
            reminded = accesses.remind(session, self._context)
        if ended or reminded:
            self.wake()
        return _EXPIRY_SECONDS
