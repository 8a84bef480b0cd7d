"""The addresses of the form and of the panel of trainings, below `/nebulab/trainings`; runs in JupyterLab's process."""

# Jupyter's classes and tornado's decorators carry no types.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import base64
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError, authenticated

from nebulab.errors import NebulabError
from nebulab.session.kernels.names import KERNEL
from nebulab.session.lab.trainings.form import FormFault
from nebulab.session.lab.trainings.scheduling import Trainings

_KEY = "nebulab_trainings"
_ID = r"([0-9a-f]+)"
_SEND = r"(send-\d+)"
_MOST_IDS = 200


class _Handler(APIHandler):
    # The panel polls; that is no activity.
    _track_activity = False

    @property
    def trainings(self) -> Trainings:
        """The trainings of this server's session, made at the first request."""
        if _KEY not in self.settings:
            from nebulab.session.lab.acting import act
            from nebulab.session.lab.asking import ask

            def python() -> str:
                return str(self.kernel_spec_manager.get_kernel_spec(KERNEL).argv[0])

            root = Path(self.settings["server_root_dir"]).expanduser()
            self.settings[_KEY] = Trainings(root, python, sys.executable, ask=ask, act=act)
        known: Trainings = self.settings[_KEY]
        return known

    async def told(self, work: Awaitable[Any]) -> None:
        """Answer with what the work returns, or with what kept it from that and what to do next."""
        try:
            self.finish(await work)
        except NebulabError as error:
            self.set_status(400)
            self.finish({"message": error.message, "hint": error.hint})


class ListHandler(_Handler):
    """All trainings of the history, and a new one."""

    @authenticated
    async def get(self) -> None:
        """Answer `GET /nebulab/trainings`."""
        await self.told(self.trainings.listed())

    @authenticated
    def post(self) -> None:
        """Answer `POST /nebulab/trainings {"path": …, "parameters": …, …}`: its row, or the form's `faults`."""
        form = self.get_json_body()
        try:
            row = self.trainings.send(form if isinstance(form, dict) else {})
        except FormFault as fault:
            # No error: the browser's console would tell it as one.
            self.finish({"faults": fault.fields})
            return
        self.set_status(202)
        self.finish(row)


class DescribeHandler(_Handler):
    """What the form needs to know of a notebook or script."""

    @authenticated
    async def get(self) -> None:
        """Answer `GET /nebulab/trainings/describe?path=…`."""
        await self.told(self.trainings.describe(self.get_query_argument("path", "")))


class OneHandler(_Handler):
    """One training."""

    @authenticated
    async def get(self, job: str) -> None:
        """Answer `GET /nebulab/trainings/job/<id>?position=…`: the log from there on."""
        position = self.get_query_argument("position", "0")
        if not position.isdecimal():
            raise HTTPError(400, "The position has to be a number.")
        await self.told(self.trainings.one(job, int(position)))

    @authenticated
    async def delete(self, job: str) -> None:
        """Answer `DELETE /nebulab/trainings/job/<id>`: it is ended, or forgotten if it could not be sent."""
        await self.trainings.cancel(job)
        self.set_status(204)
        self.finish()


class ToldHandler(_Handler):
    """Which ends the person was told of."""

    @authenticated
    def post(self) -> None:
        """Answer `POST /nebulab/trainings/told {"ids": […]}`."""
        body = self.get_json_body()
        ids = body.get("ids") if isinstance(body, dict) else None
        self.trainings.tell(map(str, ids[:_MOST_IDS] if isinstance(ids, list) else ()))
        self.finish({})


class CompareHandler(_Handler):
    """Trainings side by side."""

    @authenticated
    async def get(self) -> None:
        """Answer `GET /nebulab/trainings/compare?id=…&id=…`."""
        ids = [name for name in dict.fromkeys(self.get_query_arguments("id")) if name.isalnum()]

        async def compared() -> dict[str, Any]:
            return {"trainings": await self.trainings.compare(ids)}

        await self.told(compared())


class CardHandler(_Handler):
    """A model's card."""

    @authenticated
    async def get(self, dataset: str) -> None:
        """Answer `GET /nebulab/trainings/card/<id>`."""
        await self.told(self.trainings.card(dataset))


class FetchHandler(_Handler):
    """A result as a file of the Lab's folder."""

    @authenticated
    async def post(self) -> None:
        """Answer `POST /nebulab/trainings/fetch {"id": …, "name": …, "training": …}`: its path."""
        body = self.get_json_body()
        wish = body if isinstance(body, dict) else {}
        dataset = str(wish.get("id", ""))
        if not dataset.isalnum():
            raise HTTPError(400, "There is no such dataset.")
        await self.told(self.trainings.fetch(dataset, str(wish.get("name", "")), str(wish.get("training", ""))))


class FigureHandler(_Handler):
    """A figure, a PNG of its bytes and nothing else, as text that the page makes an image of."""

    @authenticated
    async def get(self, dataset: str) -> None:
        """Answer `GET /nebulab/trainings/figure/<id>`."""
        from nebulab.session.lab.trainings.figure import png

        self.finish({"png": base64.b64encode(await png(dataset)).decode()})


def routes() -> list[tuple[str, type]]:
    """Return the addresses below `/nebulab/`, with their handlers."""
    return [
        (r"trainings", ListHandler),
        (r"trainings/describe", DescribeHandler),
        (r"trainings/told", ToldHandler),
        (r"trainings/compare", CompareHandler),
        (rf"trainings/job/{_ID}", OneHandler),
        (rf"trainings/job/{_SEND}", OneHandler),
        (r"trainings/fetch", FetchHandler),
        (rf"trainings/card/{_ID}", CardHandler),
        (rf"trainings/figure/{_ID}", FigureHandler),
    ]
