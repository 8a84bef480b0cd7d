"""A running session seen from outside: its entry point behind the proxy, and a kernel in it that runs code."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import aiohttp
import httpx

from support.stack import Stack


@dataclass
class Session:
    """One session's way in, as Galaxy's page gives it to its user."""

    stack: Stack
    target: str

    @property
    def host(self) -> str:
        """The name that a browser asks for; it resolves in browsers only, hence the header everywhere."""
        return urlsplit(self.target).netloc

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.target).query)["token"][0]

    def stranger(self) -> httpx.Client:
        """A client that knows the session's host name and nothing more."""
        return httpx.Client(base_url=self.stack.proxy_url, headers={"Host": self.host}, timeout=240)

    def owner(self) -> httpx.Client:
        """A client with the token."""
        client = self.stranger()
        client.headers["Authorization"] = f"token {self.token}"
        return client

    def run(self, code: str, timeout: float = 400) -> str:
        """Run `code` in a new kernel, and return what it printed; what it raised fails the test."""
        with self.owner() as client:
            return run_in_kernel(client, code, timeout)


def run_in_kernel(client: httpx.Client, code: str, timeout: float = 400) -> str:
    """Run `code` in a new kernel of the Lab that `client` may use, and return what it printed."""
    with Kernel(client) as kernel:
        return kernel.run(code, timeout)


class Kernel:
    """A kernel of the Lab that `client` may use, until the block ends."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.id = client.post("/api/kernels", json={"name": "python3"}).raise_for_status().json()["id"]

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.shut_down()

    def shut_down(self) -> None:
        self._client.delete(f"/api/kernels/{self.id}")

    def run(self, code: str, timeout: float = 400) -> str:
        """Run `code` and return what it printed; what it raised is an AssertionError."""
        return self._execute(code, timeout, until="idle")

    def begin(self, code: str, timeout: float = 60) -> None:
        """Have the kernel begin with `code`, and don't wait for its end."""
        self._execute(code, timeout, until="busy")

    def open_debugger(self, timeout: float = 60) -> bool:
        """Have the Lab's debugger start in the kernel, and return whether it did."""
        return asyncio.run(asyncio.wait_for(_debug(*self._address), timeout))

    @property
    def state(self) -> str:
        shown = self._client.get(f"/api/kernels/{self.id}").raise_for_status().json()
        return str(shown["execution_state"])

    def _execute(self, code: str, timeout: float, *, until: str) -> str:
        return asyncio.run(asyncio.wait_for(_execute(*self._address, code, until), timeout))

    @property
    def _address(self) -> tuple[str, dict[str, str]]:
        """The address of the kernel's channels, and the headers to ask with."""
        headers = {
            name: self._client.headers[name] for name in ("Host", "Authorization") if name in self._client.headers
        }
        base = str(self._client.base_url).replace("http", "ws", 1).rstrip("/")
        return f"{base}/api/kernels/{self.id}/channels", headers


async def _debug(address: str, headers: dict[str, str]) -> bool:
    asked = uuid.uuid4().hex
    request = {
        "header": {"msg_id": asked, "msg_type": "debug_request", "session": asked, "username": "", "version": "5.5"},
        "parent_header": {},
        "metadata": {},
        "channel": "control",
        "content": {"type": "request", "seq": 1, "command": "initialize", "arguments": {"adapterID": "test"}},
    }
    async with aiohttp.ClientSession(headers=headers) as client, client.ws_connect(address, max_msg_size=0) as channel:
        await channel.send_json(request)
        async for message in channel:
            said = json.loads(message.data)
            if said["msg_type"] == "debug_reply" and said["parent_header"].get("msg_id") == asked:
                return bool(said["content"].get("success"))
    return False


async def _execute(address: str, headers: dict[str, str], code: str, until: str) -> str:
    asked = uuid.uuid4().hex
    header = {"msg_id": asked, "msg_type": "execute_request", "session": asked, "username": "", "version": "5.4"}
    request = {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "channel": "shell",
        "content": {"code": code, "silent": False, "store_history": False, "allow_stdin": False},
    }
    printed = ""
    async with (
        aiohttp.ClientSession(headers=headers) as client,
        client.ws_connect(address, max_msg_size=0) as channel,
    ):
        await channel.send_json(request)
        async for message in channel:
            said = json.loads(message.data)
            if said["parent_header"].get("msg_id") != asked:
                continue
            if said["msg_type"] == "stream":
                printed += said["content"]["text"]
            elif said["msg_type"] == "error":
                raise AssertionError("\n".join(said["content"]["traceback"]))
            elif said["msg_type"] == "status" and said["content"]["execution_state"] == until:
                break
    return printed


async def typed_in_terminal(address: str, token: str, line: str, timeout: float = 600) -> str:
    """Type a line into a new terminal of the Lab at `address`, and return what it shows until the line has run."""
    shown = ""
    async with aiohttp.ClientSession(headers={"Authorization": f"token {token}"}) as client:
        async with client.post(f"{address}/api/terminals") as made:
            name = (await made.json())["name"]
        async with client.ws_connect(f"{address}/terminals/websocket/{name}") as channel:
            await channel.send_str(json.dumps(["stdin", f"{line}; echo ended=$?\r"]))
            async with asyncio.timeout(timeout):
                while not re.search(r"ended=\d", shown):
                    kind, *content = json.loads(await channel.receive_str())
                    shown += content[0] if kind == "stdout" else ""
    return shown
