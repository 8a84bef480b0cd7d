"""Trainings on their way to Galaxy: a task each, which outlives its page; runs in JupyterLab's process."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from nebulab.errors import NebulabError

_LOG = logging.getLogger(__name__)
_TOLD_SECONDS = 60
Act = Callable[[dict[str, Any]], AsyncIterator[dict[str, Any]]]
"""Sends what it is given, and yields the progress; the last object has the key `result`."""


@dataclass
class Send:
    """One training on its way: what is uploaded now, and how it ended."""

    id: str
    name: str
    created: int = field(default_factory=lambda: int(time.time() * 1000))
    file: str = ""
    done: int = 0
    total: int | None = None
    job: str = ""
    message: str = ""
    hint: str = ""
    arrived: float = math.inf

    def row(self) -> dict[str, Any]:
        """Return it as the panel shows it."""
        told = {name: value for name, value in vars(self).items() if name != "arrived"}
        return told | {"state": "not sent" if self.message else "sending"}


class Sends:
    """Those that are on their way, and those that could not be sent until the person has seen it."""

    def __init__(self, act: Act) -> None:
        self._act = act
        self._known: dict[str, Send] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._numbers = itertools.count(1)

    def begin(self, wish: dict[str, Any], name: str) -> Send:
        """Start to send `wish`, and return at once."""
        send = Send(f"send-{next(self._numbers)}", name)
        self._known[send.id] = send
        self._tasks[send.id] = asyncio.ensure_future(self._run(send, wish))
        return send

    def rows(self) -> list[dict[str, Any]]:
        """Return those that are not in Galaxy, the newest first; one that arrived is told for a while, with its job."""
        now = time.monotonic()
        self._known = {name: send for name, send in self._known.items() if now - send.arrived < _TOLD_SECONDS}
        return [send.row() for send in reversed(self._known.values())]

    def stop(self, name: str) -> bool:
        """End one that is on its way, or forget one that could not be sent; return whether there was one."""
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
        return self._known.pop(name, None) is not None

    async def _run(self, send: Send, wish: dict[str, Any]) -> None:
        try:
            async for told in self._act(wish):
                send.file = told.get("file", send.file)
                send.done, send.total = told.get("done", send.done), told.get("total", send.total)
                if "result" in told:
                    send.job, send.arrived = told["result"]["id"], time.monotonic()
        except NebulabError as error:
            send.message, send.hint = error.message, error.hint
        except Exception:  # noqa: BLE001 - the task has nobody else to tell
            _LOG.exception("a training could not be sent")
            send.message, send.hint = "It could not be sent.", "The session's log tells more; try it again."
        finally:
            self._tasks.pop(send.id, None)
