"""Pages of the login by a provider of OpenID Connect, where the settings name one; runs beside Galaxy."""

from __future__ import annotations

import logging
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nebulab.errors import GalaxyAway, NotThere
from nebulab.galaxy.signed_in import SignedIn
from nebulab.portal.login.attempt import SECONDS, Attempt, page_of_ours
from nebulab.portal.login.failing import LoginLost
from nebulab.portal.login.logins import Logins
from nebulab.portal.login.provider import BACK, Told
from nebulab.portal.settings import PortalSettings
from nebulab.portal.web.public import Token
from nebulab.portal.web.visit import LoginNeeded, Visit, Visiting

_log = logging.getLogger(__name__)
router = APIRouter()
"""A portal without a provider has no such pages."""


def login_address(request: Request, settings: PortalSettings) -> str:
    """Return the address of the login, which leads back to this page, or to the first one after a form."""
    page = request.url.path if request.method == "GET" else "/"
    query = f"?{request.url.query}" if request.method == "GET" and request.url.query else ""
    if settings.oidc:
        return f"{settings.path}/sign-in?next={quote(f'{page}{query}', safe='')}"
    return f"{settings.galaxy_page}/login/start?redirect={quote(f'{settings.url}{page}{query}', safe='')}"


@router.get("/sign-in")
def sign_in(visit: Visiting, page: Annotated[str, Query(alias="next")] = "/") -> Response:
    """Lead to the provider, and remember in this browser which login was begun."""
    visit.portal.rates.count("sign_in", visit.address)
    logins = _logins(visit)
    attempt = Attempt(page_of_ours(page))
    answer = RedirectResponse(logins.provider.address(attempt), 303)
    _set(visit, answer, logins.attempts_cookie, logins.attempts.sealed(attempt), SECONDS)
    return answer


@router.get(BACK)
def back(visit: Visiting, state: str = "") -> Response:
    """Log in who comes back from the provider, with a new cookie, and lead to the page that they wanted."""
    visit.portal.rates.count("sign_in", visit.address)
    logins = _logins(visit)
    attempt = logins.attempts.opened(visit.request.cookies.get(logins.attempts_cookie, ""), state)
    told = logins.provider.answered(attempt, dict(visit.request.query_params))
    person = _account(logins, told)
    cookie = logins.begin(person, told, former=visit.request.cookies.get(logins.cookie, ""))
    answer = RedirectResponse(f"{visit.context.settings.path}{attempt.page}", 303)
    _set(visit, answer, logins.cookie, cookie)
    _forget(visit, answer, logins.attempts_cookie)
    # Forms that were opened before are of nobody now, and so is what made them.
    _forget(visit, answer, visit.portal.forms.cookie)
    return answer


@router.post("/sign-out")
def sign_out(visit: Visiting, form_token: Token = "") -> Response:
    """Log out here, and lead to the provider to be logged out there too."""
    logins = _logins(visit)
    visit.check_form(form_token)
    there = logins.end(visit.request.cookies.get(logins.cookie, ""))
    if there is None:
        raise LoginNeeded("Nobody is logged in.")
    visit.leave()
    answer = visit.page("signed_out", there=there)
    _forget(visit, answer, logins.cookie)
    if there:
        # Not as an answer to the form, which may lead to no other host (`form-action`).
        answer.headers["Refresh"] = f"0;url={there}"
    return answer


def _account(logins: Logins, told: Told) -> SignedIn:
    try:
        return logins.account(told)
    except GalaxyAway as error:
        # Nobody is logged in: where this server finds Galaxy is for the log.
        _log.error("a login by %s was lost: %s", logins.provider.name, error.message)
        raise LoginLost(
            "Galaxy does not answer at the moment, so the portal can't see which account is yours.",
            "Wait a minute, then log in again: an answer of your login's provider counts once.",
        ) from error


def _logins(visit: Visit) -> Logins:
    if visit.portal.logins is None:
        raise NotThere("This portal has no login of its own.", "Galaxy's counts here.")
    return visit.portal.logins


def _set(visit: Visit, answer: Response, name: str, value: str, seconds: int | None = None) -> None:
    secure = visit.context.settings.secure
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="lax")


def _forget(visit: Visit, answer: Response, name: str) -> None:
    answer.delete_cookie(name, path="/", secure=visit.context.settings.secure, httponly=True, samesite="lax")
