"""The session's figures for the page, each kernel with its notebook; runs in JupyterLab's process."""

# Jupyter's classes and tornado's decorators carry no types.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado.web import authenticated

from nebulab.session.lab.state import ask_session


class ResourcesHandler(APIHandler):
    """The figures now."""

    # The page polls; that is no activity.
    _track_activity = False

    @authenticated
    async def get(self) -> None:
        """Answer `GET /nebulab/resources`; 204 where no session is around this JupyterLab."""
        figures = await ask_session(self.settings, "/resources")
        if figures is None:
            self.set_status(204)
            self.finish()
            return
        notebooks = {each["kernel"]["id"]: each for each in await self.session_manager.list_sessions()}
        for program in figures.get("programs", ()):
            _name(program, notebooks.get(program["name"]))
        self.finish(figures)


class HistoryHandler(APIHandler):
    """The figures of the last hour."""

    _track_activity = False

    @authenticated
    async def get(self) -> None:
        """Answer `GET /nebulab/resources/history`."""
        history = await ask_session(self.settings, "/resources/history")
        if history is None:
            self.set_status(204)
            self.finish()
            return
        self.finish(history)


def _name(program: dict[str, Any], session: dict[str, Any] | None) -> None:
    """Put the notebook, its path and the kernel's state beside a kernel's figures."""
    if session is None:
        return
    kernel = session["kernel"]
    program |= {
        "title": session["name"] or session["path"],
        "path": session["path"] if session["type"] == "notebook" else "",
        "state": kernel.get("execution_state", ""),
    }


def routes() -> list[tuple[str, type]]:
    """Return the handlers, by their paths below `/nebulab/`."""
    return [("resources", ResourcesHandler), ("resources/history", HistoryHandler)]
