"""A small Galaxy on loopback, with accounts, logins, roles and groups, as Galaxy 26.1 answers; it goes away as told."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

KEY = "key-of-the-administrator"


class _Server(ThreadingHTTPServer):
    def __init__(self, fake: FakeAccounts) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that are killed are what some tests are about."""


class FakeAccounts:
    """`away` is the status of every answer, while there is one; `before` is called before a change is made."""

    def __init__(self) -> None:
        self._server = _Server(self)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.reset()

    def reset(self) -> None:
        self.requests: list[str] = []
        self.away = 0
        self.before: Callable[[str], None] = lambda _: None
        self.after: Callable[[str], None] = lambda _: None
        self.users: dict[str, dict[str, Any]] = {}
        self.logins: dict[str, str] = {}
        self.roles: dict[str, str] = {}
        self.descriptions: dict[str, str] = {}
        self.jobs: list[dict[str, Any]] = []
        self.groups: dict[str, dict[str, Any]] = {}
        self.account("admin", "admin@uni-freiburg.de", is_admin=True)

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def account(self, name: str, email: str, *, is_admin: bool = False) -> str:
        """Make an account, and return the cookie by which it is logged in."""
        user = f"id{name}"
        self.users[user] = {"id": user, "email": email, "username": name, "is_admin": is_admin}
        cookie = f"c0ffee{name}"
        self.logins[cookie] = user
        return cookie

    def members(self, group: str) -> set[str]:
        """Return the names of a group's members, by the group's name."""
        found = [each for each in self.groups.values() if each["name"] == group]
        return {user.removeprefix("id") for each in found for user in each["users"]}

    def roles_of(self, group: str) -> set[str]:
        """Return the names of a group's roles, by the group's name."""
        found = [each for each in self.groups.values() if each["name"] == group]
        return {self.roles[role] for each in found for role in each["roles"]}


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # Head and body are two writes: without this each answer waits 40 ms for an acknowledgement of the first.
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def serve(self) -> None:
        fake = self.server.fake
        sent = self.rfile.read(int(self.headers.get("content-length", 0)))
        line = f"{self.command} {self.path.removeprefix('/api/')}"
        fake.requests.append(line)
        if fake.away:
            self.answer(fake.away, {"err_msg": "away"})
            return
        if line == "GET users/current":
            self.answer(*self.current())
            return
        if self.headers.get("x-api-key") != KEY:
            self.answer(403, {"err_msg": "You must be an administrator to access this feature."})
            return
        fake.before(line)
        answer = self.administer(line, json.loads(sent or b"{}"))
        fake.after(line)
        self.answer(*answer)

    do_GET = do_POST = do_PUT = do_DELETE = serve

    def current(self) -> tuple[int, Any]:
        fake = self.server.fake
        if self.headers.get("x-api-key") == KEY:
            return 200, fake.users["idadmin"]
        cookie = SimpleCookie(self.headers.get("cookie", "")).get("galaxysession")
        if cookie is None or cookie.value == "0ut":
            return 200, {"total_disk_usage": 0, "nice_total_disk_usage": "0 bytes"}
        if cookie.value not in fake.logins:
            return 400, {"err_msg": "Invalid session key"}
        return 200, fake.users[fake.logins[cookie.value]]

    def administer(self, line: str, sent: dict[str, Any]) -> tuple[int, Any]:
        fake = self.server.fake
        if line.startswith("GET users"):
            return self.accounts(line)
        if line == "GET roles":
            return 200, [{"id": each, "name": name} for each, name in fake.roles.items()]
        if line == "POST roles":
            fake.roles[f"r{len(fake.roles)}"] = sent["name"]
            fake.descriptions[sent["name"]] = sent["description"]
            return 200, {"id": f"r{len(fake.roles) - 1}", "name": sent["name"]}
        if line.startswith("GET jobs?"):
            return 200, fake.jobs
        if line == "GET groups":
            return 200, [{"id": each, "name": group["name"]} for each, group in fake.groups.items()]
        if line == "POST groups":
            name = f"g{len(fake.groups)}"
            fake.groups[name] = {"name": sent["name"], "roles": set(sent["role_ids"]), "users": set()}
            return 200, [{"id": name, "name": sent["name"]}]
        if match := re.fullmatch(r"GET groups/(\w+)/(roles|users)", line):
            return self.listed(match[1], match[2])
        if match := re.fullmatch(r"(PUT|DELETE) groups/(\w+)/(roles|users)/(\w+)", line):
            return self.changed(match[1], match[2], match[3], match[4])
        return 404, {"err_msg": "not found"}

    def accounts(self, line: str) -> tuple[int, Any]:
        users = self.server.fake.users
        if match := re.fullmatch(r"GET users\?f_email=(.*)", line):
            return 200, [each for each in users.values() if unquote(match[1]).lower() in each["email"].lower()]
        user = line.removeprefix("GET users/")
        if user not in users:
            # Galaxy answers so where there is no such account, and where it is deleted.
            return 400, {"err_msg": f"Invalid User id ( {user} ) specified"}
        # Whether it is activated Galaxy tells in the list alone.
        return 200, {name: value for name, value in users[user].items() if name != "active"}

    def listed(self, group: str, what: str) -> tuple[int, Any]:
        fake = self.server.fake
        if group not in fake.groups:
            return 404, {"err_msg": "Group with the id provided was not found."}
        members = sorted(fake.groups[group][what])
        if what == "users":
            return 200, [{"id": each, "email": fake.users[each]["email"]} for each in members]
        return 200, [{"id": each, "name": fake.roles[each]} for each in members]

    def changed(self, method: str, group: str, what: str, member: str) -> tuple[int, Any]:
        fake = self.server.fake
        known: Any = fake.users if what == "users" else fake.roles
        if group not in fake.groups or member not in known:
            return 404, {"err_msg": "was not found."}
        members = fake.groups[group][what]
        if method == "DELETE" and member not in members:
            return 404, {"err_msg": f"{member} not in group {group}"}
        (members.add if method == "PUT" else members.discard)(member)
        return 200, {"id": member}
