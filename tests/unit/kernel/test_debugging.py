"""The debugger of a real kernel: it stops, shows and goes on, and opens no port."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.manager import KernelManager

SECONDS = 60
CELL = "first = 40\nsecond = first + 2\nprint(second)"


class Debugged:
    """A kernel with JupyterLab's side of its debugger."""

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(transport="ipc", ip=str(folder / "k"))
        spec = self.manager.kernel_spec_manager.get_kernel_spec("python3")
        spec.argv = [sys.executable, *spec.argv[1:], "--ext", "nebulab.kernel"]
        self.manager._kernel_spec = spec
        self._mark = str(folder)
        self.manager.start_kernel(cwd=str(folder), env=os.environ | {"MARK": self._mark})
        self.client = self.manager.client()
        self.client.start_channels(hb=False)
        self.client.wait_for_ready(timeout=SECONDS)
        self._numbers = itertools.count(1)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def ask(self, command: str, **arguments: Any) -> Any:
        content = {"type": "request", "seq": next(self._numbers), "command": command, "arguments": arguments}
        message = self.client.session.msg("debug_request", content)
        self.client.control_channel.send(message)
        answer = self.client.get_control_msg(timeout=SECONDS)
        assert answer["parent_header"]["msg_id"] == message["header"]["msg_id"]
        assert answer["content"]["command"] == command
        assert answer["content"]["success"], answer["content"]
        return answer["content"].get("body")

    def event(self, name: str) -> Any:
        """Return the body of the next event `name`."""
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["msg_type"] == "debug_event" and message["content"]["event"] == name:
                return message["content"]["body"]

    def start(self) -> None:
        assert self.ask("initialize", clientID="test", adapterID="python", pathFormat="path")["supportsSetVariable"]
        self.ask("attach")

    @property
    def ports(self) -> list[int]:
        """The TCP ports on which the kernel or what it started listens; debugpy's adapter is nobody's child."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("MARK") == self._mark:
                    found += [link.laddr.port for link in process.net_connections("tcp") if link.status == "LISTEN"]
        return found


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Debugged]:
    debugged = Debugged(tmp_path)
    yield debugged
    debugged.close()


def test_it_stops_at_a_breakpoint_and_opens_no_port(kernel: Debugged) -> None:
    before = kernel.ports  # one, for what forks of it print: ipykernel's own, which asks for a secret
    for _ in range(2):
        kernel.start()
        assert kernel.ports == before
        path = kernel.ask("dumpCell", code=CELL)["sourcePath"]
        (point,) = kernel.ask("setBreakpoints", source={"path": path}, breakpoints=[{"line": 2}])["breakpoints"]
        assert point["verified"]
        kernel.ask("configurationDone")
        kernel.client.execute(CELL)
        stopped = kernel.event("stopped")
        assert stopped["reason"] == "breakpoint"
        frame = kernel.ask("stackTrace", threadId=stopped["threadId"])["stackFrames"][0]
        assert (frame["line"], frame["source"]["path"]) == (2, path)
        scope = kernel.ask("scopes", frameId=frame["id"])["scopes"][0]
        variables = kernel.ask("variables", variablesReference=scope["variablesReference"])["variables"]
        assert {one["name"]: one["value"] for one in variables}["first"] == "40"
        assert kernel.ask("evaluate", expression="'né' * 2", frameId=frame["id"])["result"] == "'néné'"
        kernel.ask("next", threadId=stopped["threadId"])
        assert kernel.event("stopped")["reason"] == "step"
        kernel.ask("continue", threadId=stopped["threadId"])
        said = ""
        while "42" not in said:
            message = kernel.client.get_iopub_msg(timeout=SECONDS)
            said += message["content"].get("text", "") if message["msg_type"] == "stream" else ""
        kernel.ask("disconnect", restart=False, terminateDebuggee=False)
        assert not kernel.ask("debugInfo")["isStarted"]
    assert kernel.ports == before


def test_where_debugpy_listens_already_the_debugger_does_not_start(kernel: Debugged) -> None:
    """And waits for nothing: the user's own `debugpy.listen` stays."""
    kernel.client.execute("import debugpy; debugpy.listen(('127.0.0.1', 0))")
    assert kernel.client.get_shell_msg(timeout=SECONDS)["content"]["status"] == "ok"
    content = {"type": "request", "seq": 1, "command": "initialize", "arguments": {}}
    kernel.client.control_channel.send(kernel.client.session.msg("debug_request", content))
    assert kernel.client.get_control_msg(timeout=SECONDS)["content"]["success"] is False
