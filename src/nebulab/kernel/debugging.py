"""The debugger without a port: ipykernel talks to pydevd by a pair of sockets in their one process; runs in the kernel.

ipykernel's own way is debugpy's adapter, a process that listens on loopback and obeys everybody who connects: the
sessions of a machine share its loopback, and a debugger runs code. pydevd speaks the same protocol (DAP) by itself; of
the adapter's work little remains here.
"""

# ipykernel's, debugpy's and pydevd's classes carry no types.
# mypy: disable-error-code="misc"

from __future__ import annotations

import codecs
import socket
from pathlib import Path
from typing import Any

import zmq
from ipykernel.compiler import get_tmp_directory
from ipykernel.debugger import Debugger, DebugpyClient
from tornado.ioloop import IOLoop
from zmq.utils import jsonapi

_CHUNK = 64 * 1024
# Run as a silent cell: pydevd has to be set up in the thread that runs cells.
_SET_UP = f"__import__({__name__!r}, fromlist=['set_up']).set_up()"
# As debugpy's adapter sets them (debugpy/adapter/clients.py); one event for a stop of all threads is what ipykernel
# expects.
_PROPERTIES = {
    "skipSuspendOnBreakpointException": ["BaseException"],
    "skipPrintBreakpointException": ["NameError"],
    "multiThreadsSingleNotification": True,
}
_NOWHERE = "127.0.0.1"
"""Given to pydevd, which asks for an address, and never connected to."""


class PrivateClient(DebugpyClient):
    """ipykernel's client of the protocol, with a pair of sockets in place of a connection to a port."""

    def __init__(self, log: Any, event_callback: Any) -> None:
        super().__init__(log, None, event_callback)
        self._near, self.far = socket.socketpair()
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def get_host_port(self) -> tuple[str, int]:
        """Return an address that means nothing; ipykernel puts it into its requests."""
        return _NOWHERE, 0

    def listen(self) -> None:
        """Have this thread's event loop read what pydevd sends."""
        IOLoop.current().add_handler(self._near, self._read, IOLoop.READ)

    def connect_tcp_socket(self) -> None:
        """Do nothing: the connection lasts as long as the process."""

    def disconnect_tcp_socket(self) -> None:
        """Forget the last debugging; the connection stays for the next one."""
        self.init_event.clear()
        self.init_event_seq = -1
        self.wait_for_attach = True

    async def send_dap_request(self, msg: dict[str, Any]) -> Any:
        """Send a request, and return the answer to it."""
        if msg["command"] == "attach" and self.wait_for_attach:
            await super().send_dap_request(
                {"type": "request", "seq": msg["seq"], "command": "setDebuggerProperty", "arguments": _PROPERTIES}
            )
        return await super().send_dap_request(msg)

    async def _handle_init_sequence(self) -> Any:
        await self.init_event.wait()
        self._send_request({"type": "request", "seq": int(self.init_event_seq) + 1, "command": "configurationDone"})
        # pydevd answers `attach` at once, where the adapter waits for the end of the configuration.
        attached = await self._wait_for_response()
        await self._wait_for_response()
        return attached

    def _send_request(self, msg: dict[str, Any]) -> None:
        content = jsonapi.dumps(msg)
        self._near.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))

    def _read(self, *_: object) -> None:
        chunk = self._near.recv(_CHUNK, socket.MSG_DONTWAIT)
        if chunk:
            self.receive_dap_frame(self._decoder.decode(chunk))
        else:
            IOLoop.current().remove_handler(self._near)


class PrivateDebugger(Debugger):
    """ipykernel's debugger with a `PrivateClient`."""

    debugpy_client: PrivateClient
    debugpy_initialized: bool

    def start(self) -> bool:
        """Set pydevd up at the first start, which must not be ipykernel's own way; False means that it failed."""
        if not self.debugpy_initialized:
            Path(get_tmp_directory()).mkdir(mode=0o700, parents=True, exist_ok=True)
            self.debugpy_client.listen()
            own = self.shell_socket.getsockopt(zmq.ROUTING_ID)
            self.session.send(self.shell_socket, "execute_request", {"code": _SET_UP, "silent": True}, None, own)
            _, answer = self.session.recv(self.shell_socket, mode=0)
            self.debugpy_initialized = answer["content"]["status"] == "ok"
        return self.debugpy_initialized and bool(super().start())


def make_private(kernel: Any) -> None:
    """Replace the debugger of `kernel` before its first use, unless it is of a class of the user's."""
    debugger: Any = kernel.debugger
    if type(debugger) is Debugger:
        debugger.__class__ = PrivateDebugger
        debugger.debugpy_client = PrivateClient(debugger.log, debugger._handle_event)


def set_up() -> None:
    """Start pydevd in this process, connected to this kernel's debugger.

    Raises
    ------
    RuntimeError
        It runs already: somebody called `debugpy.listen`.
    """
    import debugpy
    import pydevd
    from IPython.core.getipython import get_ipython

    if pydevd.get_global_debugger() is not None:
        raise RuntimeError("debugpy is in use already")
    far = get_ipython().kernel.debugger.debugpy_client.far
    connect = pydevd.start_client
    pydevd.start_client = lambda host, port: far
    try:
        pydevd.settrace(
            host=_NOWHERE,
            port=0,
            suspend=False,
            wait_for_ready_to_run=False,
            notify_stdin=False,
            dont_trace_start_patterns=(str(Path(debugpy.__file__).absolute().parent),),
            dont_trace_end_patterns=("debugpy_launcher.py",),
        )
    finally:
        pydevd.start_client = connect
