"""A portal's process while what it needs goes away under it: mail server, Galaxy, PostgreSQL; or is killed itself."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller

from support import portal, postgresql
from support.applicants import link_in, written
from support.fake_accounts import KEY, FakeAccounts

pytestmark = pytest.mark.system
GROUP = "Nebulab GPU access"


class Received:
    """What a mail server took."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"

    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails]


class Person:
    """Somebody at a portal's process, as a browser without scripts."""

    def __init__(self, url: str, login: str) -> None:
        self.url = url
        # No connection is kept: the portal ends within these tests.
        limits = httpx.Limits(max_keepalive_connections=0)
        self.http = httpx.Client(cookies={"galaxysession": login}, trust_env=False, timeout=30, limits=limits)

    def get(self, page: str) -> httpx.Response:
        return self.http.get(self.url + page)

    def post(self, page: str, of: str, **fields: str) -> httpx.Response:
        """Send a form with the token that the page `of` has."""
        token = re.search(r'name="form_token" value="(\w+)"', self.get(of).text)
        return self.http.post(self.url + page, data={"form_token": token[1] if token else ""} | fields)


def until(what: str, true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@pytest.fixture
def fake() -> Iterator[FakeAccounts]:
    fake = FakeAccounts()
    yield fake
    fake.stop()


@contextmanager
def mail_server(port: int) -> Iterator[Received]:
    received = Received()
    controller = Controller(received, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield received
    finally:
        controller.stop()


def refuse(_: str) -> None:
    """Break the connection of whoever administers Galaxy; who is logged in is still answered."""
    raise ConnectionError


def test_what_goes_away_comes_back_and_each_thing_is_done_once(fake: FakeAccounts, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        mails = free.getsockname()[1]
    changes: list[str] = []
    fake.after = lambda line: changes.append(line) if line.endswith("/users/idada") else None
    with postgresql.running() as server:
        settings = {
            "NEBULAB_PORTAL_DATABASE": server.url("postgres"),
            "NEBULAB_PORTAL_SMTP": f"smtp://127.0.0.1:{mails}",
            "NEBULAB_PORTAL_FROM": "gpu@example.org",
        }
        logins = fake.account("ada", "ada@uni-freiburg.de"), fake.account("grace", "grace@x.org", is_admin=True)
        fake.account("eve", "eve@uni-freiburg.de")
        with portal.running(tmp_path, fake.url, KEY, **settings) as started:
            ada, grace, admin = (Person(started.url, login) for login in (*logins, "c0ffeeadmin"))
            _without_a_mail_server(ada, admin)
            with mail_server(mails) as received:
                _mails_come_later(admin, received)
                fake.away = 503
                _confirm_without_galaxy(ada, received)
                fake.away, fake.before = 0, refuse
                _two_approve(admin, grace)
                until("told why", lambda: "membership" in admin.get("/admin/state").text)
                server.run("pg_ctl", "stop", "-D", "data", "-m", "fast")
                for page in ("/", "/health", "/admin/queue"):
                    answer = admin.get(page)
                    assert (answer.status_code, "try again in a minute" in answer.text) == (503, True), page
                server.start()
                until("the database is found again", lambda: admin.get("/health").status_code == 200)
                # Restarted while nobody asked: no connection that was kept is believed in.
                server.run("pg_ctl", "restart", "-w", "-D", "data", "-m", "fast", "-l", "log")
                assert [admin.get("/admin/queue").status_code for _ in range(3)] == [200] * 3
                assert (
                    "You may use GPUs until" in ada.get("/").text and "as soon as Galaxy is back" in ada.get("/").text
                )
                fake.before = lambda _: None
                admin.post("/admin/state/try", "/admin/state")
                until("the membership", lambda: fake.members(GROUP) == {"ada"})
                until("it is noted", lambda: "Nothing: " in admin.get("/admin/state").text)
                assert [line.partition(" ")[0] for line in changes] == ["PUT", "DELETE"], "once, and not yet ended"
                assert started.process.poll() is None

                changes.clear()
                fake.after = lambda line: _kill(started, changes, line)
                access = admin.get("/admin/accesses/idada").text
                version = re.search(r'name="version" value="(\d+)"', access)
                assert version
                sent = admin.post(
                    "/admin/accesses/idada/revoke", "/admin/accesses/idada", version=version[1], reason="The end"
                )
                assert sent.status_code == 303, sent.text
                until("it was killed", lambda: started.process.poll() is not None)
                fake.after = lambda _: None
                _after_a_kill(fake, tmp_path, settings, received)


def _without_a_mail_server(ada: Person, admin: Person) -> None:
    assert ada.post("/apply", "/apply", **written()).status_code == 303
    until("told why no mail goes", lambda: "Connection refused" in admin.get("/admin/state").text)
    assert ada.get("/").status_code == 200


def _mails_come_later(admin: Person, received: Received) -> None:
    admin.post("/admin/state/try", "/admin/state")
    until("the mail", lambda: len(received.mails) == 1)


def _confirm_without_galaxy(ada: Person, received: Received) -> None:
    # Who was there just now is remembered for some seconds.
    eve = Person(ada.url, "c0ffeeeve")
    assert "Galaxy does not answer at the moment" in eve.get("/").text
    assert eve.get("/apply").status_code == 503
    link = f"/confirm/{link_in(received.mails[0].get_content())}"
    assert "is confirmed" in ada.post(link, link).text
    assert ada.get(link).status_code == 404


def _two_approve(*administrators: Person) -> None:
    """Both press the button that they see at the same moment."""
    both, statuses = threading.Barrier(len(administrators)), list[int]()

    def approve(who: Person) -> None:
        page = who.get("/admin/queue").text
        form = re.search(r'action="(/admin/applications/\w+/approve)"', page)
        fields = {
            name: re.search(rf'name="{name}" value="([^"]+)"', page) for name in ("form_token", "version", "until")
        }
        assert form
        sent = {name: found[1] for name, found in fields.items() if found}
        both.wait()
        statuses.append(who.http.post(who.url + form[1], data=sent).status_code)

    threads = [threading.Thread(target=approve, args=(who,)) for who in administrators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303, 409]


def _kill(started: portal.PortalProcess, changes: list[str], line: str) -> None:
    """End the portal when Galaxy has made the change and has not answered."""
    if line.endswith("/users/idada") and not changes:
        changes.append(line)
        started.process.kill()


def _after_a_kill(fake: FakeAccounts, folder: Path, settings: dict[str, str], received: Received) -> None:
    with portal.running(folder, fake.url, KEY, **settings) as again:
        admin = Person(again.url, "c0ffeeadmin")
        admin.post("/admin/state/try", "/admin/state")
        until("the end is told", lambda: fake.members(f"{GROUP} (ended)") == {"ada"})
        until("nothing is left", lambda: "Nothing: " in admin.get("/admin/state").text)
        log = admin.get("/admin/log").text
        assert fake.members(GROUP) == set() and log.count("<td>revoked</td>") == log.count("<td>approved</td>") == 1
    assert sorted(received.subjects()) == sorted(set(received.subjects())), "no mail came twice"
    assert {"You may use GPUs", "Your access to GPUs was ended"} <= set(received.subjects())
