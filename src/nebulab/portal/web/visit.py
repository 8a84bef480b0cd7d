"""One request: who makes it, what forms it may send, and the page that it gets; runs beside Galaxy."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from importlib import resources
from typing import Annotated, Any

from fastapi import Depends
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from nebulab.errors import GalaxyAway, NotYours, PortalError
from nebulab.galaxy.signed_in import SignedIn, Visitors
from nebulab.portal.data.database import Database
from nebulab.portal.hours.limits import in_words
from nebulab.portal.login.logins import Logins
from nebulab.portal.rules import applications
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.context import Actor, Context
from nebulab.portal.rules.decisions import MOST_COUNTED
from nebulab.portal.rules.letters import day
from nebulab.portal.web.protection import Forms, Rates
from nebulab.portal.web.shown import number, size
from nebulab.portal.work.chores import Chores

STYLE = "style.css"
SCRIPT = "live.js"


@dataclass
class Portal:
    """What every request needs; one for the process."""

    context: Context
    database: Database
    visitors: Visitors
    chores: Chores
    rates: Rates = field(default_factory=Rates)
    logins: Logins | None = None
    """By a provider of OpenID Connect; where there are any, Galaxy's own login counts for nothing here."""

    @property
    def known(self) -> Visitors | Logins:
        """Where it is asked who has a browser's cookie."""
        return self.logins or self.visitors

    @cached_property
    def forms(self) -> Forms:
        """The forms' tokens."""
        return Forms(self.context.settings)


@cache
def _templates() -> Environment:
    """Return the pages; what a person wrote is escaped in all of them."""
    templates = Environment(
        loader=PackageLoader("nebulab.portal.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    templates.filters["day"] = day
    templates.filters["size"] = size
    templates.filters["hours"] = in_words
    templates.filters["counted"] = partial(number, most=MOST_COUNTED)
    for name, file in (("style", STYLE), ("script", SCRIPT)):
        content = resources.files("nebulab.portal.web").joinpath("static", file).read_bytes()
        templates.globals[name] = f"{file}?v={hashlib.sha256(content).hexdigest()[:12]}"
    return templates


def make_ready() -> None:
    """Compile all pages, so that the first people to come need not wait for it."""
    for name in _templates().list_templates():
        _templates().get_template(name)


class LoginNeeded(PortalError):
    """Nobody is logged in."""


class Visit:
    """A request, with who makes it."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.portal: Portal = request.app.state.portal
        self._nonce = self.portal.forms.nonce(request)
        self._afresh = request.method == "POST"
        self._left = False
        self.away = ""
        """Why Galaxy could not be asked who this is, or nothing."""

    @property
    def context(self) -> Context:
        """The settings and the lists."""
        return self.portal.context

    @property
    def _login(self) -> str:
        return "" if self._left else self.request.cookies.get(self.portal.known.cookie, "")

    @cached_property
    def person(self) -> SignedIn | None:
        """Who this is, None if nobody is logged in or Galaxy can't be asked, which `away` tells apart."""
        try:
            # What is changed, is changed by who is logged in at this moment.
            return self.portal.known.who(self._login, afresh=self._afresh)
        except GalaxyAway as error:
            self.away = error.message
            return None

    def needed(self) -> SignedIn:
        """Return who this is.

        Raises
        ------
        LoginNeeded, GalaxyAway
            Nobody, or it can't be known now.
        """
        person = self.person
        if person is None and self.away:
            raise GalaxyAway(
                "Galaxy does not answer, so the portal can't see who you are.",
                "Nothing is lost: what was sent is kept, and what was decided is done when Galaxy is back. "
                "Try again in a minute.",
            )
        if person is None:
            raise LoginNeeded("Log in first.")
        return person

    def leave(self) -> None:
        """From here on nobody is logged in."""
        self._left = True
        self.__dict__.pop("person", None)

    def account(self) -> Account:
        """Return whose account this is; it raises as `needed`."""
        person = self.needed()
        return Account(person.id, person.email, person.name)

    def administrator(self) -> Account:
        """Return the administrator's account.

        Raises
        ------
        LoginNeeded, GalaxyAway, NotYours
            This is none.
        """
        if not self.needed().is_admin:
            raise NotYours("This page is for the administrators of this Galaxy.", "Yours is the first page.")
        return self.account()

    @contextmanager
    def deciding(self, form_token: str) -> Iterator[tuple[Session, Actor]]:
        """Yield the database, in a transaction, to the administrator who has sent this form.

        Raises
        ------
        LoginNeeded, GalaxyAway, NotYours
            This is none, or the form does not come from a page of theirs.
        """
        administrator = self.administrator()
        self.check_form(form_token)
        with self.portal.database.writing() as session:
            yield session, applications.acting(session, administrator)

    def check_form(self, token: str) -> None:
        """Check the token of the form that was sent.

        Raises
        ------
        WrongForm
            It is none of ours, or of another login.
        """
        self.portal.forms.check(self.request, token, self._login)

    @property
    def address(self) -> str:
        """The network address of who asks, as the web server before us tells it."""
        return self.request.client.host if self.request.client else ""

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """Return a page."""
        forms = self.portal.forms
        text = (
            _templates()
            .get_template(f"{template}.html")
            .render(
                settings=self.context.settings,
                path=self.context.settings.path,
                person=self.person,
                away=self.away,
                here=self.request.url.path,
                form_token=forms.token(self._nonce, self._login),
                done=_DONE.get(self.request.query_params.get("done", ""), ""),
                **values,
            )
        )
        answer = HTMLResponse(text, status)
        if self.request.cookies.get(forms.cookie) != self._nonce:
            answer.set_cookie(forms.cookie, self._nonce, path="/", secure=forms.secure, httponly=True, samesite="lax")
        return answer

    def part(
        self, template: str, *, media_type: str = "text/html", headers: dict[str, str] | None = None, **values: Any
    ) -> Response:
        """Return a part of a page, the same for everybody: Galaxy is not asked who this is, and no cookie is set."""
        text = _templates().get_template(f"{template}.html").render(**values)
        return Response(text, media_type=media_type, headers=headers)

    def to(self, page: str, done: str = "") -> Response:
        """Lead to another page of the portal, which tells what was done.

        The address is the portal's path alone: neither a request's host nor anything else that was sent is part of it.
        """
        self.portal.chores.wake()
        return RedirectResponse(f"{self.context.settings.path}{page}{f'?done={done}' if done else ''}", 303)


_DONE = {
    "applied": "Your application is kept. One step is left: confirm your address.",
    "sent": "A new mail is on its way.",
    "answered": "Your answer is with the administrators.",
    "course-asked-for": "Your course is kept. You get a mail when it is decided.",
    "course-withdrawn": "The course is withdrawn.",
    "course-code": "There is a new code; the former one opens nothing any more.",
    "course-removed": "The person is taken out of the course.",
    "course-joined": "You are in.",
    "course-left": "You have left the course.",
    "course-help": "Help is asked for.",
    "course-solved": "Good.",
    "course-approved": "Approved. The trainer gets a mail with the code.",
    "course-refused": "Refused. The trainer gets a mail with your reason.",
    "course-asked": "The trainer gets a mail with your question.",
    "course-changed": "Changed. The trainer gets a mail.",
    "course-mended": "Galaxy is made what the portal says.",
    "course-ended": "The course is ended. Trainer and participants get a mail with your reason.",
    "withdrawn": "Your application is withdrawn.",
    "erased": "All that the portal kept of you is deleted, and your access to GPUs ends now.",
    "approved": "Approved. The person gets a mail.",
    "refused": "Refused. The person gets a mail with your reason.",
    "asked": "The person gets a mail with your question.",
    "revoked": "The access is ended. The person gets a mail with your reason.",
    "compared": "Compared with Galaxy just now.",
    "mended": "Galaxy is made what the portal says.",
    "limit": "The limit is set. It counts within two minutes.",
    "limit-removed": "The limit is removed.",
    "tried": "All that waits is tried again now.",
}
"""What pages say after a form was sent: an address can choose among these texts, and add none."""


async def _visit(request: Request) -> Visit:
    # Not `def`: that would be done in a thread, as the page is, and cost each request a second way there.
    return Visit(request)


Visiting = Annotated[Visit, Depends(_visit)]
"""The parameter of a page's function."""
