"""nbclient with what a long run needs: output passed on as it comes, joined without copying; runs in a batch job."""

from __future__ import annotations

import asyncio
import base64
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbclient import NotebookClient

from nebulab.notebooks.displays import mend
from nebulab.notebooks.kernels import KernelSpecs

_BACKSPACE = re.compile(r"[^\n\x08]\x08")
_RETURN = re.compile(r"[^\n]*\r(?!\n)(?=[^\n])")
_ALIVE_SECONDS = 0.2
_LONGEST_SOCKET_FOLDER = 70
"""Characters: a socket's whole path may have 107."""


class Client(NotebookClient):  # type: ignore[misc]
    """Runs cells; `printed` gets what they print.

    With `sockets`, a folder of this user alone, the kernel listens there and on no port. Kernels of other languages
    than Python may not know how.
    """

    def __init__(
        self, notebook: Any, *, printed: Callable[[str], None], sockets: Path | None = None, **options: Any
    ) -> None:
        super().__init__(notebook, **options)
        self._printed = printed
        self._sockets = sockets
        self.died: asyncio.Event = asyncio.Event()

    def create_kernel_manager(self) -> Any:
        """Create the kernel manager, with Unix sockets as transport where that is asked for."""
        manager = super().create_kernel_manager()
        manager.kernel_spec_manager = KernelSpecs()
        # What other users of the machine could overhear, where a kernel listens on ports.
        manager.transport_encryption = "auto"
        if self._sockets is not None and len(str(self._sockets)) < _LONGEST_SOCKET_FOLDER:
            manager.transport = "ipc"
            # The name by which a session knows a kernel among its processes.
            manager.connection_file = str(self._sockets / f"kernel-{os.getpid()}.json")
        return manager

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Handle a kernel's message as nbclient does, in a form that nbformat keeps; pass streams to `printed`."""
        for told in mend(msg["msg_type"], msg["content"]):
            self._printed(f"{told}\n")
        if msg["msg_type"] == "stream":
            if not msg["content"]["text"]:
                return None
            self._printed(msg["content"]["text"])
        return super().process_message(msg, cell, cell_index)

    def may_change(self, index: int) -> bool:
        """Whether a later cell may rewrite an output of this one, as progress bars do."""
        return any(index in places for places in self._display_id_map.values())

    async def call(self, code: str, seconds: float | None) -> bool:
        """Execute code of ours in the kernel; return whether it succeeded.

        Raises
        ------
        TimeoutError
            It did not end within `seconds`.
        """
        reply = asyncio.ensure_future(
            self.kc.execute_interactive(
                code, silent=True, store_history=False, output_hook=self._call_printed, timeout=seconds
            )
        )
        watch = asyncio.ensure_future(self._until_dead())
        done, _ = await asyncio.wait({reply, watch}, return_when=asyncio.FIRST_COMPLETED)
        watch.cancel()
        if reply not in done:
            reply.cancel()
            return False
        answer: dict[str, Any] = reply.result()
        if answer["content"]["status"] == "error":
            self._printed("\n".join(answer["content"].get("traceback", [])) + "\n")
            return False
        return True

    def _call_printed(self, msg: dict[str, Any]) -> None:
        if msg["msg_type"] == "stream":
            self._printed(msg["content"]["text"])

    async def _until_dead(self) -> None:
        while self.km is not None and await self.km.is_alive():  # noqa: ASYNC110 - a process tells no event
            await asyncio.sleep(_ALIVE_SECONDS)


def join_streams(cell: Any) -> None:
    """Make one output of what a cell printed to each stream between two other outputs; bars keep their last state."""
    joined: list[Any] = []
    pieces: list[str] = []

    def close() -> None:
        if pieces:
            joined[-1]["text"] = _drawn("".join(pieces))
            pieces.clear()

    for output in cell.get("outputs", ()):
        if output["output_type"] == "stream":
            if not (pieces and joined[-1]["name"] == output["name"]):
                close()
                joined.append(output)
            pieces.append(output["text"])
        else:
            close()
            joined.append(output)
    close()
    if "outputs" in cell:
        cell["outputs"] = joined


def _drawn(text: str) -> str:
    """Return the text as a terminal would show it after backspaces and carriage returns."""
    while "\x08" in text:
        shorter = _BACKSPACE.sub("", text)
        if shorter == text:
            break
        text = shorter
    return _RETURN.sub("", text) if "\r" in text else text


def save_images(cell: Any, folder: Path, number: int) -> None:
    """Write a cell's images as files, for kernels of languages without our harvest."""
    count = 0
    for output in cell.get("outputs", ()):
        for kind, suffix in (("image/png", "png"), ("image/svg+xml", "svg")):
            content = output.get("data", {}).get(kind)
            if content is None:
                continue
            count += 1
            folder.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, str) else "".join(content)
            data = base64.b64decode(text) if suffix == "png" else text.encode()
            (folder / f"cell-{number:03d}-{count}.{suffix}").write_bytes(data)
