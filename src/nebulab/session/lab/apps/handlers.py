"""The page's requests about notebooks as apps and as pages; runs in JupyterLab's process."""

# Jupyter's classes and tornado's decorators carry no types.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from pathlib import Path
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_escape, url_path_join
from tornado.web import HTTPError, authenticated

from nebulab.errors import NebulabError
from nebulab.session.kernels.names import KERNEL
from nebulab.session.lab.acting import act
from nebulab.session.lab.apps.permits import Permits

_MAKING = "nebulab.session.lab.apps.making"
_SENDING = "nebulab.kernel.apps.sending"


async def notebook_of(handler: Any, path: str) -> str:
    """Return the path of the notebook that a request names, below the working folder.

    Raises
    ------
    HTTPError
        There is none.
    """
    path = path.strip("/")
    model = await ensure_async(handler.contents_manager.get(path, content=False))
    if model.get("type") != "notebook" or not path.endswith(".ipynb"):
        raise HTTPError(400, reason="Only a notebook can be opened as an app or saved as a page.")
    return path


class OpenHandler(JupyterHandler):
    """Lets a notebook be run as an app, since a person asks for it."""

    @authenticated
    async def post(self) -> None:
        """Answer `POST /nebulab/apps/open {"path": …}` with its address, and a form with a redirection."""
        is_json = "json" in self.request.headers.get("Content-Type", "")
        named = (self.get_json_body() or {}).get("path", "") if is_json else self.get_body_argument("path", "")
        path = await notebook_of(self, str(named))
        self.settings.setdefault("nebulab_apps", Permits()).add(path)
        address = url_path_join(self.base_url, "voila", "render", url_escape(path))
        if is_json:
            self.finish(json.dumps({"address": address}))
        else:
            self.redirect(address, status=303)


class PageHandler(APIHandler):
    """Runs a notebook and saves what it shows as a page of HTML, in the background."""

    @authenticated
    async def post(self) -> None:
        """Answer `POST /nebulab/apps/page {"path": …, "history": …}` with the name by which to ask for it."""
        wish = self.get_json_body() or {}
        path = await notebook_of(self, str(wish.get("path", "")))
        python = self.kernel_spec_manager.get_kernel_spec(KERNEL).argv[0]
        making = asyncio.create_task(_make(self._folder, path, python if wish.get("history") else ""))
        name = secrets.token_hex(8)
        self._pages[name] = making
        self.set_status(202)
        self.finish({"id": name})

    @authenticated
    async def get(self) -> None:
        """Answer `GET /nebulab/apps/page?id=…`: 202 while it is made, then what has become of it, once."""
        making = self._pages.get(self.get_query_argument("id"))
        if making is None:
            raise HTTPError(404, reason="This page is not being made. Save it again.")
        if not making.done():
            self.set_status(202)
            self.finish({})
            return
        del self._pages[self.get_query_argument("id")]
        try:
            self.finish(making.result())
        except NebulabError as error:
            self.set_status(422)
            self.finish({"message": error.message, "hint": error.hint})

    @property
    def _folder(self) -> Path:
        return Path(self.settings["server_root_dir"]).expanduser()

    @property
    def _pages(self) -> dict[str, asyncio.Task[dict[str, Any]]]:
        pages: dict[str, asyncio.Task[dict[str, Any]]] = self.settings.setdefault("nebulab_pages", {})
        return pages


async def _make(folder: Path, path: str, sender: str) -> dict[str, Any]:
    """Save the notebook as a page below `outputs/`, and put it into the history if there is a python to do it."""
    made: dict[str, Any] = await _result(sys.executable, _MAKING, {"folder": str(folder), "path": path})
    if sender:
        made |= await _result(sender, _SENDING, {"path": str(folder / made["path"]), "ext": "html"})
    return made


async def _result(python: str, module: str, wish: dict[str, Any]) -> Any:
    answers = [said async for said in act(python, module, wish)]
    return answers[-1]["result"]


def routes() -> list[tuple[str, type]]:
    """Return the addresses below `/nebulab/`."""
    return [("apps/open", OpenHandler), ("apps/page", PageHandler)]
