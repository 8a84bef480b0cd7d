"""Work of the Lab's page that takes the kernels' packages (h5py, uploads, trainings), as a process of theirs; runs in
JupyterLab's process, which stays small.

The process gets one JSON object on its standard input and writes one JSON object a line: progress, and in the end
`{"result": …}` or `{"error": …, "hint": …}`. `nebulab.kernel.acting` is its other side.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from typing import Any

from nebulab.errors import NebulabError

_LINE_BYTES = 16 * 1024 * 1024
_STOP_SECONDS = 5


async def act(python: str, module: str, wish: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Run `python -m module` on `wish`, and yield each object that it writes; the last has the key `result`.

    Whoever stops iterating ends the process.

    Raises
    ------
    NebulabError
        It failed; the message is its own.
    """
    process = await asyncio.create_subprocess_exec(
        python,
        # Without the current folder, the user's, where files may have the names of packages.
        "-P",
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        limit=_LINE_BYTES,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 - pipes were asked for
    try:
        with contextlib.suppress(ConnectionError):
            process.stdin.write(json.dumps(wish).encode())
            await process.stdin.drain()
            process.stdin.close()
        async for line in process.stdout:
            said = json.loads(line)
            if "error" in said:
                raise NebulabError(said["error"], said.get("hint", ""))
            yield said
            if "result" in said:
                return
        raise NebulabError("It ended without a result.", "The session's log tells more; try it again.")
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
