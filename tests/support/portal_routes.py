"""Every route of the portal, as a test walks it: its path, its method, and fields with which its form can be read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from limits import RateLimitItemPerMinute
from sqlalchemy import select

from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Base
from nebulab.portal.web.app import make_app
from nebulab.portal.web.protection import Guard, Rates
from nebulab.portal.web.visit import Portal
from support.applicants import Browser

PUBLIC = frozenset(
    {
        "/",
        "/terms",
        "/privacy",
        "/health",
        "/confirm/{link}",  # for whoever has the mail
        "/metrics",  # for whoever has the token
        "/api/hours/mine",  # for whoever has a session's ticket
        "/resources",
        "/resources/now",
        "/resources/badge.svg",
        "/api/resources",
    }
)
"""What anybody may ask for without a login. A new one is added here by somebody who has decided that."""
WITH_A_LINK = frozenset({"/confirm/{link}", "/join/{code}"})
"""What opens for everybody who was given the link or the code."""
ENDLESS = RateLimitItemPerMinute(10**9)


def without_rates() -> Rates:
    """Return rates that nobody reaches."""
    return Rates(apply=ENDLESS, hours=ENDLESS, confirm=ENDLESS, join=ENDLESS, join_address=ENDLESS)


@dataclass(frozen=True)
class Route:
    """One method of one path; `fields` are those that the form can't be read without, `names` all of them."""

    method: str
    path: str
    fields: Mapping[str, str]
    names: frozenset[str]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_public(self) -> bool:
        return self.path in PUBLIC

    @property
    def is_for_administrators(self) -> bool:
        return self.path.startswith("/admin/")

    def addresses(self, ids: Mapping[str, Sequence[str]]) -> Iterator[str]:
        """Yield the addresses that the path has with these ids; a name that is not among them takes any of them."""
        every = sorted(set(itertools.chain(*ids.values())))
        names = re.findall(r"{(\w+)}", self.path)
        for values in itertools.product(*(ids.get(name, every) for name in names)):
            yield self.path.format(**dict(zip(names, values, strict=True)))

    def ask(self, browser: Browser, address: str, *, token: bool = True) -> Any:
        """Ask for it in somebody's browser, a form with its token unless that is to be left out."""
        if self.method == "GET":
            return browser.get(address)
        fields = {**self.fields, "form_token": browser.token() if token else ""}
        return browser.client.request(self.method, address, data=fields, follow_redirects=False)


def application_of(app: Guard) -> FastAPI:
    """Return FastAPI's application behind the guard."""
    inside = app._app
    assert isinstance(inside, FastAPI)
    return inside


_applications: dict[bool, Guard] = {}


def application_for(portal: Portal) -> Guard:
    """Return the application, serving `portal` from now on and none of before.

    FastAPI works its routes out at the first request, which takes as long as a test: all tests have the same two
    applications, with a login of their own and without.
    """
    has_logins = portal.logins is not None
    if has_logins not in _applications:
        _applications[has_logins] = make_app(portal)
    app = _applications[has_logins]
    application_of(app).state.portal = portal
    return app


def routes_of(app: Guard) -> list[Route]:
    """Return every route of the application, files aside, whether its description has it or not."""
    inside = application_of(app)
    told = inside.openapi()
    found = []
    for context in iter_route_contexts(inside.routes):
        if not context.methods:
            continue  # a folder of files
        for method in sorted(set(context.methods) - {"HEAD", "OPTIONS"}):
            operation = told["paths"].get(context.path, {}).get(method.lower(), {})
            form = _form(operation, told)
            needed = dict.fromkeys(form.get("required", ()), "1")
            found.append(Route(method, str(context.path), needed, frozenset(form.get("properties", ()))))
    return found


def _form(operation: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an operation's form, or an empty one."""
    content = operation.get("requestBody", {}).get("content", {})
    for kind in content.values():
        schema: dict[str, Any] = kind["schema"]
        if "$ref" in schema:
            schema = told["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema
    return {}


def content_of(database: Database) -> dict[str, set[str]]:
    """Return the rows of every table, each as a text."""
    with database.reading() as session:
        return {
            table.name: {str(tuple(row)) for row in session.execute(select(table))}
            for table in Base.metadata.sorted_tables
        }
