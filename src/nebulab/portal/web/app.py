"""The portal's web application: its pages put together, and what its errors look like; runs beside Galaxy."""

from __future__ import annotations

import logging
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from nebulab import __version__
from nebulab.errors import FormError, GalaxyAway, NebulabError, NotThere, NotYours, Overtaken, PortalError
from nebulab.portal.login.answers import AGAIN_SECONDS
from nebulab.portal.login.failing import LoginFailed, LoginLost, ManyAtOnce, NoAccount, ProviderAway
from nebulab.portal.web import applying, course_reviewing, courses, own, public, resources, reviewing, signing_in
from nebulab.portal.web.protection import Guard, TooMany, WrongForm
from nebulab.portal.web.usage import router as of_hours
from nebulab.portal.web.visit import LoginNeeded, Portal, Visit

_log = logging.getLogger(__name__)
_STATUS: dict[type[Exception], int] = {
    LoginNeeded: 401,
    NotYours: 403,
    WrongForm: 403,
    NotThere: 404,
    Overtaken: 409,
    FormError: 422,
    TooMany: 429,
    GalaxyAway: 503,
    NoAccount: 403,
    ProviderAway: 503,
    LoginLost: 503,
    PortalError: 400,
}
"""The status of each error's page: that of its own class, else of one above it."""
_LOG_HINT = "The portal's log says what."
_WORDS = {404: "There is no such page.", 405: "This address does not take such a request."}


def make_app(portal: Portal) -> Guard:
    """Return the application; who calls it starts the chores, and closes the database."""
    # No page of FastAPI's own: they load scripts from elsewhere, and the description of all routes is of use to no
    # program, since forms need a page's token. No redirects to the host that a request names.
    app = FastAPI(title="Nebulab's portal", version=__version__, openapi_url=None, redirect_slashes=False)
    app.state.portal = portal
    for page in (public, applying, courses, own, reviewing, course_reviewing, resources):
        app.include_router(page.router)
    if portal.logins is not None:
        app.include_router(signing_in.router)
    app.mount("/static", _Static(directory=str(files("nebulab.portal.web").joinpath("static"))))
    app.include_router(of_hours)
    app.add_exception_handler(NebulabError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(OperationalError, _no_database)
    app.add_exception_handler(Exception, _unexpected)
    # Around all of it, and no middleware of FastAPI's, which stands inside of what answers to the unexpected.
    return Guard(app)


class _Static(StaticFiles):
    """Files of this package: their addresses change with their content."""

    async def get_response(self, path: str, scope: Any) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "public, max-age=86400"
        return answer


def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, NebulabError)  # noqa: S101 - for which it is registered
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
    if isinstance(error, LoginNeeded):
        settings = request.app.state.portal.context.settings
        return Visit(request).page("login", status, login=signing_in.login_address(request, settings))
    if isinstance(error, LoginFailed):
        answer = Visit(request).page("login_failed", status, title=error.message, hint=error.hint)
        if isinstance(error, ManyAtOnce):
            answer.headers["Retry-After"] = str(AGAIN_SECONDS)
        return answer
    if status == 500:
        _log.error("%s %s: %s", request.method, request.url.path, error.message)
        # Files and addresses of the machine are nobody's concern but the administrator's, who has the log.
        return _told(request, status, "The portal can't do this: something of it is set up wrongly.", _LOG_HINT)
    return _told(request, status, error.message, error.hint)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    return _told(request, error.status_code, _WORDS.get(error.status_code, str(error.detail)), "")


def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    if any(fault["loc"][0] == "path" for fault in error.errors()):
        return _told(request, 404, _WORDS[404], "")
    return _told(request, 422, "This can't be read.", "Open the page again, and send its form as it is.")


def _no_database(_: Request, error: Exception) -> Response:
    _log.error("the database does not answer: %s", error)
    return PlainTextResponse(
        "The portal's database does not answer. Nothing was changed; try again in a minute.\n", 503
    )


def _unexpected(_: Request, __: Exception) -> Response:
    # The server logs the traceback.
    return PlainTextResponse("The portal has failed. Its log has the reason.\n", 500)


def _told(request: Request, status: int, message: str, hint: str) -> Response:
    return Visit(request).page("message", status, title=message, hint=hint)
