"""Downloads and uploads of the Galaxy panel: queued, two at a time, with progress and cancel; runs in JupyterLab's
process, and each transfer as a process of the kernels' environment."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from nebulab.errors import NebulabError, SettingsError

MODULE = "nebulab.kernel.panel.moving"
_AT_ONCE = 2
_MOST_KEPT = 50
_MOST_WAITING = 200
_EMIT_SECONDS = 0.5
_log = logging.getLogger(__name__)

State = Literal["waiting", "running", "done", "failed", "cancelled"]
Act = Callable[[dict[str, Any]], AsyncIterator[dict[str, Any]]]
"""Does what a wish says in the kernels' environment, and yields what it says of it."""
Emit = Callable[[dict[str, Any]], None]


@dataclass
class Transfer:
    """A download or an upload; `done` and `total` are in bytes, `total` None where Galaxy does not say."""

    id: int
    kind: Literal["download", "upload"]
    label: str
    wish: dict[str, Any] = field(repr=False)
    state: State = "waiting"
    done: int = 0
    total: int | None = None
    message: str = ""
    hint: str = ""
    path: str = ""
    """Of a download that is done: the file, or the folder, below the working folder."""

    def shown(self) -> dict[str, Any]:
        """Return it for the page."""
        values = asdict(self)
        del values["wish"]
        return values


class Transfers:
    """All transfers of the session, the newest last."""

    def __init__(self, act: Act, emit: Emit, clock: Callable[[], float] = time.monotonic) -> None:
        self._act = act
        self._emit = emit
        self._clock = clock
        self._all: dict[int, Transfer] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._numbers = itertools.count(1)
        self._room = asyncio.Semaphore(_AT_ONCE)

    def shown(self) -> list[dict[str, Any]]:
        """Return all for the page."""
        return [transfer.shown() for transfer in self._all.values()]

    def start(self, kind: Literal["download", "upload"], label: str, wish: dict[str, Any]) -> Transfer:
        """Queue a transfer.

        Raises
        ------
        SettingsError
            Too many wait already.
        """
        if len(self._tasks) >= _MOST_WAITING:
            raise SettingsError(f"{_MOST_WAITING} transfers wait already.", "Wait until some are done.")
        transfer = Transfer(next(self._numbers), kind, label, wish)
        self._all[transfer.id] = transfer
        self._forget_old()
        self._run(transfer)
        return transfer

    def again(self, number: int) -> None:
        """Start one again that failed or was cancelled."""
        transfer = self._all.get(number)
        if transfer is not None and transfer.state in ("failed", "cancelled"):
            transfer.done, transfer.message, transfer.hint, transfer.state = 0, "", "", "waiting"
            self._run(transfer)

    def cancel(self, number: int) -> None:
        """End a transfer, or forget one that has ended."""
        task = self._tasks.get(number)
        if task is not None:
            task.cancel()
        else:
            self._all.pop(number, None)

    def _run(self, transfer: Transfer) -> None:
        task = self._tasks[transfer.id] = asyncio.create_task(self._keep(transfer))
        task.add_done_callback(lambda ended: self._ended(transfer, ended))
        self._tell(transfer)

    def _ended(self, transfer: Transfer, task: asyncio.Task[None]) -> None:
        self._tasks.pop(transfer.id, None)
        if task.cancelled():
            # Before its first step.
            transfer.state = "cancelled"
            self._tell(transfer)

    async def _keep(self, transfer: Transfer) -> None:
        """Run one, and have the page know its end whatever it is."""
        try:
            async with self._room:
                transfer.state = "running"
                self._tell(transfer)
                await self._move(transfer)
            transfer.state = "done"
        except asyncio.CancelledError:
            # Nothing waits for this task: the cancellation is the user's.
            transfer.state = "cancelled"
        except NebulabError as error:
            transfer.state, transfer.message, transfer.hint = "failed", error.message, error.hint
        except Exception as error:  # noqa: BLE001 - the page has to know, and the log tells more
            _log.exception("a transfer failed")
            transfer.state, transfer.message = "failed", f"{type(error).__name__}: {error}"
            transfer.hint = "The session's log tells more; try it again."
        self._tell(transfer)

    async def _move(self, transfer: Transfer) -> None:
        told = self._clock()
        working = self._act(transfer.wish)
        try:
            async for said in working:
                if "result" in said:
                    transfer.path = str((said["result"] or {}).get("path", ""))
                    continue
                transfer.done, transfer.total = int(said.get("done", 0)), said.get("total")
                if self._clock() - told >= _EMIT_SECONDS:
                    told = self._clock()
                    self._tell(transfer)
        finally:
            # Ends the process at once where this was cancelled.
            await working.aclose()  # type: ignore[attr-defined]

    def _tell(self, transfer: Transfer) -> None:
        self._emit({"what": "transfer", "transfer": transfer.shown()})

    def _forget_old(self) -> None:
        ended = [each.id for each in self._all.values() if each.id not in self._tasks]
        for number in ended[: max(len(self._all) - _MOST_KEPT, 0)]:
            if self._all[number].state != "waiting":
                del self._all[number]
