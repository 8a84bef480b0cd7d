"""The pool as it is now, read again every few seconds, its history, and how long jobs waited; runs beside Galaxy."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, select

from nebulab.accelerators.following import Following
from nebulab.accelerators.nvml import has_library
from nebulab.pool import machine, reading
from nebulab.pool.pool import Pool
from nebulab.pool.reading import Sources
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import LINE, PoolSample
from nebulab.portal.work.waits import NOTHING, Waits

_log = logging.getLogger(__name__)
LOOK_SECONDS = 5.0
"""Between two looks at the pool: what changes there is on the page within ten seconds."""
SAMPLE_MINUTES = 10
_KEPT = timedelta(days=35)
_WAITS_SECONDS = 600.0


class _Gpus:
    """One loop for all looks, and in it one process that asks NVML.

    To start one each time takes 0.06 s of a processor, and wakes the cards of a real driver.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._following = Following(machine.environment())

    def read(self, sources: Sources, folder: Path) -> Pool:
        return self._runner.run(reading.read(sources, folder=folder, gpus=self._following.look))

    def close(self) -> None:
        # A look that hangs has the loop still; the process ends with this one.
        with contextlib.suppress(RuntimeError):
            self._runner.run(self._following.close())
            self._runner.close()


class Resources:
    """The pool, kept as it was seen last; a chore looks, pages only read.

    Parameters
    ----------
    waits
        Returns how long jobs of the last weeks waited; asked for every ten minutes.
    """

    def __init__(
        self, database: Database, sources: Sources, folder: Path, waits: Callable[[], Waits] = lambda: NOTHING
    ) -> None:
        self._database = database
        self._sources = sources
        self._folder = folder
        self._read_waits = waits
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._waits = NOTHING
        self._waits_due = 0.0
        self._sampled: datetime | None = None
        self._gpus = _Gpus() if sources.machine and has_library() else None

    def now(self) -> Pool | None:
        """Return the pool as it was seen last; None before the first look."""
        with self._lock:
            return self._pool

    @property
    def waits(self) -> Waits:
        """How long jobs of the last weeks waited."""
        with self._lock:
            return self._waits

    def look(self) -> float:
        """Read the pool, keep a sample of it when one is due, and return the seconds until the next look."""
        if self._gpus is None:
            pool = asyncio.run(reading.read(self._sources, folder=self._folder))
        else:
            pool = self._gpus.read(self._sources, self._folder)
        with self._lock:
            self._pool = pool
        self._sample(pool)
        return LOOK_SECONDS

    def close(self) -> None:
        """End what asks NVML; nobody looks any more."""
        if self._gpus is not None:
            self._gpus.close()

    def look_at_waits(self) -> float:
        """Read the waits, which may take a large Galaxy some seconds, and return the seconds until the next look."""
        waits = self._read_waits()
        with self._lock:
            self._waits = waits
        return _WAITS_SECONDS

    def _sample(self, pool: Pool) -> None:
        now = clock.now()
        at = now.replace(second=0, minute=now.minute - now.minute % SAMPLE_MINUTES)
        # A source that is silent for a moment is a gap in the history, no zero.
        if at == self._sampled or pool.troubles or not pool.nodes:
            return
        waiting = None if pool.waiting is None else len(pool.waiting)
        with self._database.writing() as session:
            session.execute(delete(PoolSample).where(PoolSample.at < at - _KEPT))
            # A portal that was started again within the ten minutes has written its sample.
            known = set(session.scalars(select(PoolSample.model).where(PoolSample.at == at)))
            for gpus in pool.models():
                if (model := gpus.model[:LINE]) not in known:
                    session.add(
                        PoolSample(
                            at=at, model=model, total=gpus.total, busy=gpus.busy, down=gpus.down, waiting=waiting
                        )
                    )
        self._sampled = at

    def history(self, days: int = 7) -> list[PoolSample]:
        """Return the samples of the last days, the oldest first."""
        with self._database.reading() as session:
            since = clock.now() - timedelta(days=days)
            return list(session.scalars(select(PoolSample).where(PoolSample.at >= since).order_by(PoolSample.at)))
