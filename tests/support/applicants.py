"""People of the portal's tests: their browsers, what they write, the mails that they get, and a clock to move."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from typing import Any

from sqlalchemy import select
from starlette.testclient import TestClient

from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Mail
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.context import Actor
from nebulab.portal.rules.domains import Standing
from nebulab.portal.rules.forms import Form
from nebulab.portal.web.visit import Portal


@dataclass
class Browser:
    """Somebody's browser: it has their login in Galaxy, and sends forms as the page has them."""

    client: TestClient
    pages: list[str] = field(default_factory=list)

    def get(self, page: str, **options: Any) -> Any:
        return self.client.get(page, follow_redirects=False, **options)

    def token(self, page: str = "/terms") -> str:
        """Return the token that forms have in this browser now."""
        portal: Portal = self.client.app._app.state.portal  # type: ignore[attr-defined]
        cookies = self.client.cookies
        if portal.forms.cookie not in cookies:
            self.get(page)
        return portal.forms.token(cookies.get(portal.forms.cookie) or "", cookies.get("galaxysession") or "")

    def post(self, page: str, **fields: Any) -> Any:
        """Send a form with its token."""
        return self.client.post(page, data={"form_token": self.token()} | fields, follow_redirects=False)

    def text(self, page: str) -> str:
        """Return what a page says, without its tags."""
        return told(self.get(page).text)


def told(html: str) -> str:
    """Return the text of a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


ADA = Account("idada", "ada@uni-freiburg.de", "ada")
BOB = Account("idbob", "bob@gmail.com", "bob")
REVIEWER = Actor("idadmin", "admin@uni-freiburg.de")
WRITTEN = {
    "purpose": "Segment nuclei in 900 microscope images",
    "project": "Nuclei",
    "group_leader": "Grace Hopper",
    "institution": "Universität Freiburg",
    "gpu_need": "A U-Net in PyTorch, ten hours a week",
    "email": "ada@uni-freiburg.de",
    "terms": "1",
}


def written(**others: str) -> dict[str, str]:
    """Return a form's fields as somebody fills them in."""
    until = clock.today() + timedelta(days=100)
    return WRITTEN | {"wanted_until": until.isoformat()} | others


def a_form(email: str = "ada@uni-freiburg.de", standing: Standing = Standing.INSTITUTION, days: int = 100) -> Form:
    fields = {name: WRITTEN[name] for name in ("purpose", "project", "group_leader", "institution", "gpu_need")}
    until = clock.today() + timedelta(days=days)
    return Form(**fields, wanted_until=until, email=email, standing=standing, tool="")


def link_in(body: str) -> str:
    """Return the token of the link in a mail."""
    found = re.search(r"/confirm/(\S+)", body)
    assert found
    return found[1]


def mails(database: Database) -> list[Mail]:
    """Return all mails, in their order."""
    with database.reading() as session:
        return list(session.scalars(select(Mail).order_by(Mail.errand_id)))


@dataclass
class Clock:
    """The portal's clock, moved by tests."""

    moved: timedelta = timedelta()

    def move(self, **by: float) -> None:
        self.moved += timedelta(**by)
