"""The content of the page "Welcome", and whether it opens by itself; runs in JupyterLab's process."""

# Jupyter's classes and tornado's decorators carry no types.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from jupyter_server.base.handlers import APIHandler
from tornado.web import authenticated

from nebulab import contract
from nebulab.session.lab.start import content
from nebulab.session.lab.start.news import NEWS

_SHOWN = "nebulab_welcomed"


class WelcomeHandler(APIHandler):
    """Inputs, examples and news."""

    _track_activity = False

    @authenticated
    async def get(self) -> None:
        """Answer `GET /nebulab/welcome`."""
        # In a thread: the folder of a session without Galaxy may lie on a slow disk.
        self.finish(await asyncio.to_thread(_content, self.settings["server_root_dir"]))


def _content(root: str) -> dict[str, object]:
    folder, file = Path(root).expanduser(), Path(os.environ.get(contract.INPUTS, os.devnull))
    return {
        "inputs": content.inputs(file, folder),
        "examples": content.examples(folder),
        "news": NEWS,
        "portal": os.environ.get(contract.PORTAL, ""),
    }


class FirstHandler(APIHandler):
    """Whether this is the session's first page."""

    _track_activity = False

    @authenticated
    def get(self) -> None:
        """Answer `GET /nebulab/welcome/first` with `open` until a page has shown Welcome in this session."""
        page = self.settings["nebulab_start_page"]
        self.finish({"open": not self.settings.get(_SHOWN, False) and page in {"", contract.FIRST_PAGE}, "page": page})

    @authenticated
    def post(self) -> None:
        """Take notice of `POST /nebulab/welcome/first {}`: a page has shown it."""
        self.settings[_SHOWN] = True
        self.finish({})


def routes() -> list[tuple[str, type]]:
    """Return the handlers, by their paths below `/nebulab/`."""
    return [("welcome", WelcomeHandler), ("welcome/first", FirstHandler)]
