"""Nebulab's server extension of JupyterLab: the start page, the session's state for the page, its end with all
documents saved, a lock on every route.

Runs inside JupyterLab's process, in the sandbox: it knows the session's token, never the user's key.
"""

# Jupyter's classes and tornado's decorators carry no types.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
from jupyter_server.auth.login import LoginFormHandler
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_escape, url_path_join
from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError, RequestHandler, authenticated

from nebulab import contract, pages
from nebulab.session.kernels import forking
from nebulab.session.kernels.names import KERNEL
from nebulab.session.lab import config, frame, git, late, refusal, tabs
from nebulab.session.lab.apps import handlers as apps
from nebulab.session.lab.galaxy import handlers as galaxy
from nebulab.session.lab.pipelines import handlers as pipelines
from nebulab.session.lab.resources import handlers as resources
from nebulab.session.lab.start import handlers as start
from nebulab.session.lab.state import ask_session
from nebulab.session.lab.tabs import Tabs
from nebulab.session.lab.trainings import handlers as trainings

_SUBJECTS = (apps, galaxy, pipelines, resources, start, trainings)
"""What the page shows beside JupyterLab's own, each with handlers below `/nebulab/`."""
_LONGEST_SAVE_SECONDS = 10
_LONGEST_NAME = 64
_MOST_NAMES = 20
_KEPT = frozenset({"outputs", "galaxy_inputs"})
"""Outputs are kept, and inputs are in the history already."""
_EXAMPLES = frozenset({"data", "elyra", "notebooks", "usecases"})
"""Folders of the default content, which every session has."""
_MOST_LOOKED_AT = 10_000
_FORKING_SECONDS = 1.5
_ENTRY_POINT_HOST = re.compile(r"[^.]+\.ep\.interactivetool\.(?P<galaxy>[A-Za-z0-9.-]+)(?::\d+)?")


class StartHandler(JupyterHandler):
    """The entry point's page: JupyterLab exchanges the token for a cookie, and the first page opens."""

    @property
    def content_security_policy(self) -> str:
        """Forbid scripts, beside what holds for every page."""
        return f"{pages.POLICY}; {super().content_security_policy}"

    @authenticated
    async def get(self) -> None:
        """Redirect to the start page, or to the file browser; in a frame without cookies offer a tab."""
        if frame.may_be_framed(self.request) and not await _given(self.identity_provider.get_user_cookie(self)):
            path, token = url_path_join(self.base_url, "nebulab", "start"), self.get_query_argument("token", "")
            if not self.get_query_argument(frame.SECOND, ""):
                self.redirect(frame.again(path, token))
                return
            self.set_header("Cache-Control", "no-store")
            self.set_header("Referrer-Policy", "no-referrer")
            self.finish(frame.page(path, token))
            return
        page = self.settings["nebulab_start_page"]
        target = url_path_join("lab", "tree", url_escape(page)) if page else "lab"
        self.redirect(url_path_join(self.base_url, target))


class EarlierPathHandler(JupyterHandler):
    """The path that the predecessor's image served its pages below; people have it in their bookmarks."""

    @authenticated
    def get(self, page: str | None) -> None:
        """Redirect to the same page of this server."""
        query = f"?{self.request.query}" if self.request.query else ""
        self.redirect(url_path_join(self.base_url, url_escape((page or "lab").lstrip("/"))) + query)


class SessionHandler(APIHandler):
    """The session's state, which the page gets from the broker through this handler."""

    # The page polls twice a minute; that is no activity.
    _track_activity = False

    @authenticated
    async def get(self) -> None:
        """Answer `GET /nebulab/session?tab=<the asking tab's name>`."""
        tab = self.get_query_argument("tab", "")
        if tab:
            self.settings["nebulab_tabs"].see(tab[:_LONGEST_NAME])
        await self._relay("GET", "")

    @authenticated
    async def post(self) -> None:
        """Ask for more time."""
        await self._relay("POST", "/extend")

    async def _relay(self, method: str, path: str) -> None:
        answer = await ask_session(self.settings, path, method)
        if answer is None:
            self.set_status(204)
            self.finish()
            return
        self.finish(answer)


class SaveHandler(APIHandler):
    """Asks every tab that is open to save; called by the session before it ends."""

    _track_activity = False

    @authenticated
    async def post(self) -> None:
        """Answer `POST /nebulab/save {"seconds": …, "ending": …}` once all have, or the time is over."""
        wish = self.get_json_body() or {}
        seconds = min(max(float(wish.get("seconds", 0)), 0), _LONGEST_SAVE_SECONDS)
        self.finish(await self.settings["nebulab_tabs"].save(seconds, ending=bool(wish.get("ending"))))


class SavedHandler(APIHandler):
    """Takes a tab's answer."""

    _track_activity = False

    @authenticated
    def post(self) -> None:
        """Answer `POST /nebulab/saved {"tab": …, "request": …, "unsaved": …}`; without a request the tab is closed."""
        body = self.get_json_body() or {}
        tab, request = str(body.get("tab", ""))[:_LONGEST_NAME], body.get("request")
        known: Tabs = self.settings["nebulab_tabs"]
        if request is None:
            known.forget(tab)
        else:
            known.answer(str(request), tab, int(body.get("unsaved", 0)))
        self.finish({})


class EndHandler(APIHandler):
    """The session's end by its user, from the page."""

    @authenticated
    def get(self) -> None:
        """Answer `GET /nebulab/end`: the names in the working folder that the history does not get."""
        names = sorted(_not_kept(Path(self.settings["server_root_dir"]).expanduser()))
        self.finish({"not_kept": names[:_MOST_NAMES], "more": max(len(names) - _MOST_NAMES, 0)})

    @authenticated
    async def post(self) -> None:
        """Have all tabs save, then shut JupyterLab down, which ends the session."""
        self.finish(await self.settings["nebulab_tabs"].save(_LONGEST_SAVE_SECONDS, ending=True))
        self.serverapp.stop()


def _not_kept(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name in _KEPT or entry.name.endswith(".ipynb"):
                continue
            if entry.name in _EXAMPLES and not _changed(Path(entry.path)):
                continue
            yield f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name


def _changed(folder: Path) -> bool:
    """Whether a file below was written, or a name changed, since JupyterLab started."""
    began = psutil.Process().create_time()
    times = (path.lstat().st_mtime for path in itertools.islice(folder.rglob("*"), _MOST_LOOKED_AT))
    return any(time > began for time in itertools.chain((folder.stat().st_mtime,), times))


class Locked:
    """A mixin for every handler of the server: no answer without the token, or the cookie that it was exchanged for.

    JupyterLab itself protects its data, but serves static files, a login page and its version to anybody.
    """

    async def prepare(self, *arguments: Any, **named: Any) -> Any:
        """Refuse unauthenticated requests with 403, or send a browser to the login page if there is a password."""
        handler: Any = self
        if not await _user(handler):
            if handler.settings.get("nebulab_password"):
                if _is_of_login(handler):
                    return await super().prepare(*arguments, **named)
                if handler.request.method == "GET" and "text/html" in handler.request.headers.get("Accept", ""):
                    handler.redirect(f"{handler.settings['login_url']}?{urlencode({'next': handler.request.path})}")
                    return None
            # JupyterHandler's error page reads these.
            handler.current_user = handler._jupyter_current_user = None
            if handler.request.method == "GET" and "text/html" in handler.request.headers.get("Accept", ""):
                handler.set_status(403)
                for name, value in refusal.HEADERS.items():
                    handler.set_header(name, value)
                handler.finish(refusal.PAGE)
                return None
            raise HTTPError(403, refusal.SENTENCE)
        return await super().prepare(*arguments, **named)

    def _request_summary(self) -> str:
        """Describe the request for the log without its query, where the token may be."""
        request = self.request  # type: ignore[attr-defined]
        return f"{request.method} {request.path} ({request.remote_ip})"

    @property
    def content_security_policy(self) -> str:
        """Let Galaxy, and nobody else, show the session in a frame."""
        policy: str = super().content_security_policy
        host = _ENTRY_POINT_HOST.fullmatch(self.request.host)  # type: ignore[attr-defined]
        if host is None:
            return policy
        galaxy = host["galaxy"]
        return policy.replace("frame-ancestors 'self'", f"frame-ancestors 'self' http://{galaxy}:* https://{galaxy}:*")


async def _user(handler: Any) -> Any:
    return await _given(handler.identity_provider.get_user(handler))


async def _given(user: Any) -> Any:
    """Return the user that an identity provider gives, at once or later."""
    return await user if hasattr(user, "__await__") else user


def _is_of_login(handler: Any) -> bool:
    """Whether this is the login page or one of its static files."""
    static = handler.settings.get("static_url_prefix") or "/static/"
    return isinstance(handler, LoginFormHandler) or handler.request.path.startswith(static)


def lock(application: Application) -> None:
    """Put the lock on every route that `application` has."""
    locked: dict[type, type] = {}
    routers = [application.default_router, application.wildcard_router]
    while routers:
        for rule in routers.pop().rules:
            target = rule.target
            if isinstance(target, type) and issubclass(target, RequestHandler):
                if issubclass(target, Locked):
                    continue
                if target not in locked:
                    # A plain handler (a redirection) lacks the authentication of JupyterHandler.
                    bases = (Locked, target) if issubclass(target, JupyterHandler) else (Locked, JupyterHandler, target)
                    locked[target] = type(target.__name__, bases, {"__module__": target.__module__})
                rule.target = locked[target]
            elif hasattr(target, "rules"):
                routers.append(target)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    application = app.web_app
    application.settings["nebulab_start_page"] = os.environ.get(contract.START_PAGE, "")
    application.settings["nebulab_session"] = (
        os.environ.get(contract.SESSION, "").rstrip("/"),
        os.environ.get("API_KEY", ""),
    )
    application.settings["nebulab_password"] = bool(getattr(app.identity_provider, "hashed_password", ""))
    app.event_logger.register_event_schema(tabs.SCHEMA)
    application.settings["nebulab_tabs"] = tabs.Tabs(
        lambda data: app.event_logger.emit(schema_id=tabs.SCHEMA_ID, data=data)
    )
    galaxy.prepare(app)
    base = application.settings["base_url"]
    application.add_handlers(
        ".*$",
        [
            (url_path_join(base, "nebulab", "start"), StartHandler),
            (url_path_join(base, "nebulab", "session"), SessionHandler),
            (url_path_join(base, "nebulab", "save"), SaveHandler),
            (url_path_join(base, "nebulab", "saved"), SavedHandler),
            (url_path_join(base, "nebulab", "end"), EndHandler),
            *(
                (url_path_join(base, "nebulab", path), handler)
                for subject in _SUBJECTS
                for path, handler in subject.routes()
            ),
            *([(r"/ipython(?:/(.*))?", EarlierPathHandler)] if base == "/" else []),
        ],
    )
    late.wait(app, config.LATE, lock)
    # Jupyter writes the token to files for its own command line and browser, which nobody uses here.
    app.write_server_info_file = app.write_browser_open_files = lambda: None
    # A callback runs after all extensions have loaded, and before the first request is read.
    IOLoop.current().add_callback(lock, application)
    # After the first page has been served, and before its user can have opened a notebook.
    IOLoop.current().call_later(_FORKING_SECONDS, _begin_forking, app.kernel_spec_manager)
    IOLoop.current().call_later(_FORKING_SECONDS, git.introduce, os.environ)


async def _begin_forking(specs: Any) -> None:
    await forking.begin_when_calm(specs.get_kernel_spec(KERNEL).argv[0], os.environ)
