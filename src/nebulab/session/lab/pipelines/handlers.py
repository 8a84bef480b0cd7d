"""The addresses of the pipeline editor, below `/nebulab/pipelines`; runs in JupyterLab's process."""

# Jupyter's classes and tornado's decorators carry no types.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado.web import authenticated

from nebulab.errors import NebulabError
from nebulab.session.lab.pipelines.runs import GALAXY, HERE, Runs, checked

_KEY = "nebulab_pipelines"
_ID = r"(run-\d+)"


class _Handler(APIHandler):
    # The page polls while a pipeline runs; that is no activity.
    _track_activity = False

    @property
    def runs(self) -> Runs:
        """The runs of this server, made at the first request."""
        if _KEY not in self.settings:
            self.settings[_KEY] = Runs(Path(self.settings["server_root_dir"]).expanduser())
        known: Runs = self.settings[_KEY]
        return known

    def refuse(self, error: NebulabError) -> None:
        """Answer that it can't be done, and what to do next."""
        self.set_status(400)
        self.finish({"message": error.message, "hint": error.hint})

    def wish(self) -> dict[str, Any]:
        """Return the request's JSON, or nothing if it is no object."""
        asked = self.get_json_body()
        return asked if isinstance(asked, dict) else {}


class CheckHandler(_Handler):
    """What is wrong with a pipeline as it stands in the editor."""

    @authenticated
    async def post(self) -> None:
        """Answer `POST /nebulab/pipelines/check {"path": …, "content": …}`."""
        asked = self.wish()
        try:
            path = self.runs.path(str(asked.get("path") or ""))
            answer = await asyncio.to_thread(checked, path, str(asked.get("content") or ""))
        except NebulabError as error:
            self.refuse(error)
            return
        self.finish(answer)


class RunsHandler(_Handler):
    """The last run of a pipeline, and a new one."""

    @authenticated
    def get(self) -> None:
        """Answer `GET /nebulab/pipelines/runs?path=…`: the run, or null."""
        run = self.runs.of(self.get_query_argument("path", ""))
        self.finish({"run": run.as_json() if run else None})

    @authenticated
    async def post(self) -> None:
        """Answer `POST /nebulab/pipelines/runs {"path": …, "where": "here"|"galaxy"}`."""
        asked = self.wish()
        where = GALAXY if asked.get("where") == GALAXY else HERE
        try:
            run = await self.runs.start(str(asked.get("path") or ""), where)
        except NebulabError as error:
            self.refuse(error)
            return
        self.set_status(202)
        self.finish({"run": run.as_json()})


class OneHandler(_Handler):
    """One run, to be stopped."""

    @authenticated
    def delete(self, run_id: str) -> None:
        """Answer `DELETE /nebulab/pipelines/runs/<id>`."""
        try:
            self.finish({"run": self.runs.stop(run_id).as_json()})
        except NebulabError as error:
            self.refuse(error)


def routes() -> list[tuple[str, type]]:
    """Return the handlers by their paths below `/nebulab/`."""
    return [
        ("pipelines/check", CheckHandler),
        ("pipelines/runs", RunsHandler),
        (rf"pipelines/runs/{_ID}", OneHandler),
    ]
