"""The Galaxy panel's addresses below `/nebulab/galaxy/`; runs in JupyterLab's process.

All of them answer JSON, never a dataset's own HTML. Galaxy is asked through the session's broker.
"""

# Jupyter's classes and tornado's decorators carry no types.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError, authenticated

from nebulab import contract
from nebulab.errors import NebulabError
from nebulab.galaxy.contents import Item
from nebulab.session.kernels.names import KERNEL
from nebulab.session.lab.acting import act
from nebulab.session.lab.asking import ask
from nebulab.session.lab.galaxy import listening, rows, snippets
from nebulab.session.lab.galaxy.listening import Listener
from nebulab.session.lab.galaxy.transfers import MODULE, Transfers
from nebulab.session.lab.galaxy.wishes import MOST_CHOSEN, checked_id, chosen, inside

PREVIEWS = "nebulab.kernel.panel.previews"
_MOST_ITEMS = 500
_MOST_HISTORIES = 100
_LONGEST_NAME = 255
_LONGEST_SEARCH = 200
_PREVIEW_SECONDS = 120
_PREVIEWS_AT_ONCE = 2


class GalaxyHandler(APIHandler):
    """What the handlers here share."""

    # The page asks by itself; that is no activity.
    _track_activity = False

    @property
    def own_history(self) -> str:
        """The session's history, or nothing."""
        return os.environ.get("HISTORY_ID", "")

    @property
    def root(self) -> Path:
        """The working folder."""
        return Path(self.settings["server_root_dir"]).expanduser()

    def id_argument(self, name: str) -> str:
        """Return an id of Galaxy's from the query, or refuse."""
        return checked_id(self.get_query_argument(name, ""))

    def number(self, name: str, default: int, most: int) -> int:
        """Return a number from the query, at most `most`, or refuse."""
        given = self.get_query_argument(name, str(default))
        if not given.isascii() or not given.isdigit() or len(given) > 9:
            raise HTTPError(400, f"{name} must be a number.")
        return min(int(given), most)

    def flag(self, name: str) -> bool:
        """Whether `name` is set in the query."""
        return self.get_query_argument(name, "") in {"1", "true"}

    def body(self) -> dict[str, Any]:
        """Return the request's JSON object, or refuse."""
        body = self.get_json_body()
        if not isinstance(body, dict):
            raise HTTPError(400, "The request needs a JSON object.")
        return body

    def act(self, module: str, wish: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Do `wish` in the kernels' environment."""
        return act(self.kernel_spec_manager.get_kernel_spec(KERNEL).argv[0], module, wish)


class StateHandler(GalaxyHandler):
    """Which Galaxy the session has, for the page."""

    @authenticated
    def get(self) -> None:
        """Answer `GET /nebulab/galaxy/state`."""
        listener: Listener = self.settings["nebulab_galaxy_listener"]
        self.finish(
            {
                "connected": is_connected(),
                "url": os.environ.get(contract.GALAXY_PAGE, ""),
                "history": self.own_history,
                "live": listener.mode,
                "away": listener.is_away,
            }
        )


def is_connected() -> bool:
    """Whether the session has a Galaxy, and its user's key."""
    return bool(os.environ.get(contract.GALAXY_PAGE))


class HistoriesHandler(GalaxyHandler):
    """The user's histories."""

    @authenticated
    async def get(self) -> None:
        """Answer `GET /nebulab/galaxy/histories?search=…&offset=…&limit=…`, the latest changed first."""
        search = self.get_query_argument("search", "").strip()[:_LONGEST_SEARCH]
        query: dict[str, object] = {
            "v": "dev",
            "keys": rows.HISTORY_KEYS,
            "order": "update_time-dsc",
            "offset": self.number("offset", 0, 10**9),
            "limit": self.number("limit", 30, _MOST_HISTORIES),
        }
        if search:
            query |= {"q": ["name-contains"], "qv": [search]}
        found = await ask("GET", "histories", query)
        listed = [rows.history(each) for each in found if not each.get("deleted")]
        own = self.own_history
        if own and not search and not query["offset"] and own not in {each["id"] for each in listed}:
            # Another person's, which was shared; or one that is gone.
            with contextlib.suppress(HTTPError):
                listed.append(rows.history(await ask("GET", f"histories/{own}", {"keys": rows.HISTORY_KEYS})))
        self.finish({"histories": listed, "own": own})

    @authenticated
    async def post(self) -> None:
        """Make a history: `POST /nebulab/galaxy/histories {"name": …}`."""
        name = str(self.body().get("name", "")).strip()[:_LONGEST_NAME]
        if not name:
            raise HTTPError(400, "A history needs a name.")
        self.finish(rows.history(await ask("POST", "histories", None, {"name": name})))


class ContentsHandler(GalaxyHandler):
    """A page of a history's items."""

    @authenticated
    async def get(self) -> None:
        """Answer `GET /nebulab/galaxy/contents?history=…&offset=…&limit=…&search=…&deleted=…&hidden=…`."""
        history = self.id_argument("history")
        query = rows.listing(
            self.get_query_argument("search", "")[:_LONGEST_SEARCH],
            deleted=self.flag("deleted"),
            hidden=self.flag("hidden"),
            offset=self.number("offset", 0, 10**9),
            limit=self.number("limit", 100, _MOST_ITEMS),
        )
        answer = await ask("GET", f"histories/{history}/contents", query, accept=rows.STATS)
        items = [rows.row(each, self.own_history) for each in answer["contents"]]
        self.finish({"items": items, "total": answer["stats"]["total_matches"]})


class ElementsHandler(GalaxyHandler):
    """A page of a collection's elements."""

    @authenticated
    async def get(self) -> None:
        """Answer `GET /nebulab/galaxy/elements?history=…&id=…&collection=…&deeper=…&offset=…&limit=…`.

        `id` is the collection's in the history, `collection` that of the collection of datasets whose elements are
        wanted, and `deeper` the names of the elements that lead there.
        """
        history, identifier = self.id_argument("history"), self.id_argument("id")
        collection = self.id_argument("collection")
        listed, shown = await asyncio.gather(
            ask(
                "GET",
                f"dataset_collections/{identifier}/contents/{collection}",
                {
                    "instance_type": "history",
                    "offset": self.number("offset", 0, 10**9),
                    "limit": self.number("limit", 100, _MOST_ITEMS),
                },
            ),
            ask("GET", f"histories/{history}/contents/dataset_collections/{identifier}", {"view": "summary"}),
        )
        parent = snippets.source(Item.from_answer(shown), self.own_history)
        deeper = self.get_query_argument("deeper", "")
        self.finish({"items": [rows.element(each, parent, deeper) for each in listed]})


class DeleteHandler(GalaxyHandler):
    """Items deleted, and brought back."""

    _track_activity = True

    @authenticated
    async def post(self) -> None:
        """Answer `POST /nebulab/galaxy/delete {"history": …, "items": [{"id", "kind"}], "deleted": true}`."""
        body = self.body()
        history = checked_id(body.get("history"))
        items = [
            {"id": identifier, "history_content_type": "dataset_collection" if kind == "collection" else "dataset"}
            for identifier, kind in chosen(body)
        ]
        operation = "delete" if body.get("deleted", True) else "undelete"
        answer = await ask("PUT", f"histories/{history}/contents/bulk", None, {"operation": operation, "items": items})
        errors = [str(each.get("error", "")) for each in answer.get("errors") or []]
        self.finish({"done": answer.get("success_count", 0), "errors": errors})


class PreviewHandler(GalaxyHandler):
    """A look into a dataset."""

    _track_activity = True

    @authenticated
    async def get(self, identifier: str) -> None:
        """Answer `GET /nebulab/galaxy/preview/<id>` with what `nebulab.kernel.panel.previews` finds."""
        try:
            async with asyncio.timeout(_PREVIEW_SECONDS):
                self.finish(await self._preview(checked_id(identifier)))
        except NebulabError as error:
            refuse(self, error)
        except TimeoutError:
            raise HTTPError(504, "The preview took too long. Download the dataset instead.") from None

    async def _preview(self, identifier: str) -> dict[str, Any]:
        async with self.settings["nebulab_galaxy_previews"]:
            working = self.act(PREVIEWS, {"id": identifier})
            try:
                async for said in working:
                    if "result" in said:
                        return dict(said["result"])
            finally:
                # Ends the process at once where the page waits no longer.
                await working.aclose()  # type: ignore[attr-defined]
        raise NebulabError("The preview ended without a result.", "Try it again.")


def refuse(handler: APIHandler, error: NebulabError) -> None:
    """Answer with an error's message and hint."""
    handler.set_status(422)
    handler.finish({"message": error.message, "hint": error.hint})


class WatchHandler(GalaxyHandler):
    """Which history a tab shows, so that it is told what changes."""

    @authenticated
    async def post(self) -> None:
        """Answer `POST /nebulab/galaxy/watch {"tab": …, "history": …}`; without a history the tab shows none."""
        body = self.body()
        history = body.get("history") or ""
        listener: Listener = self.settings["nebulab_galaxy_listener"]
        listener.watch(str(body.get("tab", ""))[:64], checked_id(history) if history else "")
        self.finish({"live": listener.mode, "away": listener.is_away})


class TransfersHandler(GalaxyHandler):
    """Downloads and uploads."""

    @property
    def transfers(self) -> Transfers:
        """All of the session."""
        found: Transfers = self.settings["nebulab_galaxy_transfers"]
        return found

    @authenticated
    async def get(self) -> None:
        """Answer `GET /nebulab/galaxy/transfers` with all of them, the newest last."""
        self.finish({"transfers": self.transfers.shown()})

    @authenticated
    async def post(self) -> None:
        """Begin transfers.

        `{"kind": "download", "history": …, "items": [{"id", "kind"}], "names": […], "folder": …}` or
        `{"kind": "upload", "paths": […], "history": …}`; folders and paths are below the working folder.
        """
        body = self.body()
        try:
            match body.get("kind"):
                case "download":
                    started = self._download(body)
                case "upload":
                    started = self._upload(body)
                case _:
                    raise HTTPError(400, "kind must be download or upload.")
        except NebulabError as error:
            refuse(self, error)
            return
        self.finish({"transfers": started})

    def _download(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        folder, history = inside(self.root, body.get("folder", "")), checked_id(body.get("history"))
        if not folder.is_dir():
            raise HTTPError(400, f"There is no folder {body.get('folder')!r}.")
        names = body.get("names")
        names = names if isinstance(names, list) else []
        started = []
        for number, (identifier, kind) in enumerate(chosen(body)):
            label = str(names[number])[:_LONGEST_NAME] if number < len(names) else identifier
            wish = {"id": identifier, "kind": kind, "history": history, "folder": str(folder), "root": str(self.root)}
            started.append(self._start("download", label, {"do": "download"} | wish))
        return started

    def _upload(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        history = checked_id(body.get("history"))
        paths = body.get("paths")
        if not isinstance(paths, list) or not 0 < len(paths) <= MOST_CHOSEN:
            raise HTTPError(400, f"paths must name 1 to {MOST_CHOSEN} files.")
        found = [inside(self.root, path) for path in paths]
        for path in found:
            if not path.exists():
                raise HTTPError(400, f"There is no file {path.name!r}.")
        return [
            self._start("upload", path.name, {"do": "upload", "path": str(path), "history": history}) for path in found
        ]

    def _start(self, kind: Literal["download", "upload"], label: str, wish: dict[str, Any]) -> dict[str, Any]:
        return self.transfers.start(kind, label, wish).shown()


class TransferHandler(TransfersHandler):
    """One of them."""

    @authenticated
    async def post(self, number: str = "") -> None:
        """Start it again: `POST /nebulab/galaxy/transfers/<number>`."""
        self.transfers.again(int(number))
        self.finish({})

    @authenticated
    async def delete(self, number: str) -> None:
        """Cancel it, or forget it where it has ended: `DELETE /nebulab/galaxy/transfers/<number>`."""
        self.transfers.cancel(int(number))
        self.finish({})


def routes() -> list[tuple[str, type]]:
    """Return the handlers by their paths below `/nebulab/`."""
    return [
        (r"galaxy/state", StateHandler),
        (r"galaxy/histories", HistoriesHandler),
        (r"galaxy/contents", ContentsHandler),
        (r"galaxy/elements", ElementsHandler),
        (r"galaxy/delete", DeleteHandler),
        (r"galaxy/preview/([^/]+)", PreviewHandler),
        (r"galaxy/watch", WatchHandler),
        (r"galaxy/transfers", TransfersHandler),
        (r"galaxy/transfers/(\d{1,9})", TransferHandler),
    ]


def prepare(app: Any) -> None:
    """Give the handlers what they share; `app` is the server."""
    app.event_logger.register_event_schema(listening.SCHEMA)

    def emit(data: dict[str, Any]) -> None:
        app.event_logger.emit(schema_id=listening.SCHEMA_ID, data=data)

    def do(wish: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        return act(app.kernel_spec_manager.get_kernel_spec(KERNEL).argv[0], MODULE, wish)

    app.web_app.settings["nebulab_galaxy_previews"] = asyncio.Semaphore(_PREVIEWS_AT_ONCE)
    app.web_app.settings["nebulab_galaxy_listener"] = Listener(emit)
    app.web_app.settings["nebulab_galaxy_transfers"] = Transfers(do, emit)
