"""NVML in a process that lasts and is asked again and again, each time with a time limit; runs in a session.

Beside `asking`, which starts a process for one question: that takes 0.06 s of a processor, and initialising a real
driver wakes each card; too much for a figure every few seconds. This one takes 10 MB and a tenth of a millisecond a
look (with the tests' stand-in). It is one alone: while a driver that hangs keeps it from ending, no other is started.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import sys
import time
from collections.abc import Callable, Mapping

from nebulab.accelerators.gpus import Look, Trouble

_ANSWER_SECONDS = 10.0
_LINE_BYTES = 1024 * 1024
_RETRY_SECONDS = 60.0
"""Between a failure and the next process: most failures last until an administrator has mended them."""


class Following:
    """The GPUs as they are at each `look`; the process starts at the first one, and ends with `close` or with its
    parent.

    Parameters
    ----------
    environment
        The environment with CUDA_VISIBLE_DEVICES.
    seconds
        The time limit of one look.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        seconds: float = _ANSWER_SECONDS,
        retry: float = _RETRY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._environment = dict(environment)
        self._seconds = seconds
        self._retry = retry
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None
        self._failed: Look | None = None
        self._next_try = -math.inf

    async def look(self) -> Look:
        """Return NVML's answers, or the `Look` that says why there are none."""
        if self._failed is not None and (self._clock() < self._next_try or self._hangs()):
            return self._failed
        look = await self._ask()
        if look.trouble is None:
            self._failed = None
            return look
        # A process keeps the failure to initialise NVML: only a new one can see it mended.
        await self.close()
        self._failed, self._next_try = look, self._clock() + self._retry
        return look

    async def close(self) -> None:
        """End the process; one that hangs inside the driver survives SIGKILL, and is not waited for."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._process.wait()

    def _hangs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def _ask(self) -> Look:
        try:
            process = await self._running()
        except OSError as error:
            return Look(trouble=Trouble.OTHER, reason=f"the process that asks NVML can't start: {error.strerror}")
        assert process.stdin is not None and process.stdout is not None  # noqa: S101 - pipes were asked for
        try:
            async with asyncio.timeout(self._seconds):
                process.stdin.write(b"\n")
                line = await process.stdout.readline()
            return Look.from_json(json.loads(line))
        except TimeoutError:
            return Look(trouble=Trouble.SILENT, reason=f"the driver did not answer within {self._seconds:g} s")
        except (OSError, ValueError, KeyError, TypeError):
            return Look(trouble=Trouble.OTHER, reason="the process that asks NVML ended")

    async def _running(self) -> asyncio.subprocess.Process:
        """Return the process, a new one if the last has ended."""
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # the current folder may be one that notebooks write to
                "-m",
                "nebulab.accelerators",
                "--follow",
                env=self._environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_LINE_BYTES,
            )
        return self._process
