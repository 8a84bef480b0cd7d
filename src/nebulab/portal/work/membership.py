"""A person's memberships in Galaxy's two groups, made what the database says; runs beside Galaxy.

Who has access is in the group whose role the rules for GPUs ask for; whose access has ended is in the other one, by
which the rules tell them so. Whatever was there before, a second attempt changes nothing.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

from nebulab.errors import GalaxyError
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Access
from nebulab.portal.rules.accesses import may_use_gpus
from nebulab.portal.settings import EXPIRED_ROLE, PortalSettings
from nebulab.portal.work.settling import settle


class Groups(Protocol):
    """What is asked of Galaxy (`nebulab.galaxy.administration`)."""

    def account_id(self, email: str) -> str | None:
        """Return the id of the account with an address, None where there is none."""

    def group_with_role(self, group: str, role: str) -> str:
        """Find or make the group, and return its id."""

    def members(self, group: str) -> dict[str, str]:
        """Return the addresses of its users by their ids."""

    def put_into(self, group: str, user: str) -> None:
        """Make a user a member."""

    def take_out_of(self, group: str, user: str) -> None:
        """End a membership."""


@dataclass(frozen=True)
class Wanted:
    """In which groups somebody is to be."""

    access: bool
    ended: bool


class Membership:
    """Galaxy's two groups."""

    def __init__(self, database: Database, galaxy: Groups, settings: PortalSettings) -> None:
        self._database = database
        self._galaxy = galaxy
        self._settings = settings
        self._ids: tuple[str, str] | None = None
        self._lock = threading.Lock()

    def groups(self) -> tuple[str, str]:
        """Return the ids of the groups, which are made where they are missing: with access, and ended."""
        with self._lock:
            if self._ids is None:
                self._ids = (
                    self._galaxy.group_with_role(self._settings.group, self._settings.role),
                    self._galaxy.group_with_role(self._settings.expired_group, EXPIRED_ROLE),
                )
            return self._ids

    def wanted(self, person: str) -> Wanted:
        """Return in which groups the database has a person (Galaxy's id)."""
        with self._database.reading() as session:
            access = session.get(Access, person)
        if access is None:
            return Wanted(access=False, ended=False)
        lasts = may_use_gpus(access)
        return Wanted(access=lasts, ended=not lasts)

    def make(self, person: str) -> Wanted:
        """Make the person's memberships what the database says when it is done, and return them.

        Raises
        ------
        NebulabError
            Galaxy is away, or refuses.
        """
        return settle(lambda: self.wanted(person), lambda wanted: self._make(person, wanted))

    def _make(self, person: str, wanted: Wanted) -> None:
        try:
            for group, member in zip(self.groups(), (wanted.access, wanted.ended), strict=True):
                (self._galaxy.put_into if member else self._galaxy.take_out_of)(group, person)
        except GalaxyError:
            # A group may have been deleted: look for it again the next time.
            with self._lock:
                self._ids = None
            raise

    def members(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return who is in the two groups: addresses by Galaxy's ids."""
        with_access, ended = self.groups()
        return self._galaxy.members(with_access), self._galaxy.members(ended)
