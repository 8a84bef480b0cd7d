"""Server extensions that are loaded at the first request to their addresses; runs in JupyterLab's process.

Git's, nbdime's and the language servers' handlers hold 11 MiB, Voila's 7, and many sessions ask for none of them. Until
then an extension is a rule that leads to it; a user with the token who asks loads it by its own
`_load_jupyter_server_extension`, the lock is put on what it adds, and the same request is answered by it.
"""

# Jupyter's classes and tornado's decorators carry no types.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import Application, authenticated


class Extension(Matcher):
    """The addresses of a server extension, for as long as it is not loaded."""

    def __init__(self, app: Any, name: str, prefix: str, lock: Callable[[Application], None]) -> None:
        self._app, self._name, self._lock = app, name, lock
        self._prefix = url_path_join(app.base_url, prefix)
        self._loaded = False

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Match every address of the extension until it is loaded; its own rules do so then."""
        below = request.path == self._prefix or request.path.startswith(f"{self._prefix}/")
        return {} if below and not self._loaded else None

    def load(self) -> None:
        """Load the extension, and lock its routes before anybody is answered by them.

        One that fails is told in the log and not tried again: its addresses are then those of no page.
        """
        self._loaded = True
        manager = self._app.extension_manager
        if manager.add_extension(self._name, enabled=True):
            manager.link_extension(self._name)
            manager.load_extension(self._name)
        self._lock(self._app.web_app)


class LateHandler(JupyterHandler):
    """Loads the extension that a request is for, and hands the request on."""

    # What follows counts as activity, or not, by the extension's own handler.
    _track_activity = False

    def initialize(self, extension: Extension) -> None:
        """Take the extension of the rule that matched."""
        self._extension = extension
        # The handler that the request is handed to finishes it.
        self._auto_finish = False

    def check_xsrf_cookie(self) -> None:
        """Leave this check to the handler that answers, which knows its own rules; here nothing is answered."""

    def _hand_on(self) -> None:
        self._extension.load()
        delegate = self.application.find_handler(self.request)
        delegate.data_received(self.request.body)
        delegate.finish()

    @authenticated
    def get(self) -> None:
        """Load the extension and have it answer; the same for every other method."""
        self._hand_on()

    head = post = put = patch = delete = get


def wait(app: Any, extensions: Mapping[str, str], lock: Callable[[Application], None]) -> None:
    """Have each extension of `extensions` (its module, and the first part of its addresses) loaded when it is asked."""
    rules = []
    for name, prefix in extensions.items():
        extension = Extension(app, name, prefix, lock)
        rules.append(Rule(extension, LateHandler, {"extension": extension}))
    app.web_app.add_handlers(".*$", rules)
