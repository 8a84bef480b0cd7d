"""What the rules need to know beside the database, and who acts; runs beside Galaxy."""

from __future__ import annotations

from dataclasses import dataclass

from nebulab.portal.rules.domains import Domains
from nebulab.portal.settings import PortalSettings

PORTAL = "portal"
"""The actor of what happens by itself."""


@dataclass(frozen=True)
class Context:
    """The settings and the lists of domains."""

    settings: PortalSettings
    domains: Domains


@dataclass(frozen=True)
class Actor:
    """Who acts: `id` goes into the audit log, `name` is shown to reviewers."""

    id: str
    name: str


ITSELF = Actor(PORTAL, "the portal")
