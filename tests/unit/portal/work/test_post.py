"""Mails reach a real mail server whole, and no text makes a header of its own."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from nebulab.portal.data.tables import Mail
from nebulab.portal.settings import PortalSettings
from nebulab.portal.work.post import Mailbox, MailServer, message, post_of

MAIL = Mail(
    errand_id=1,
    person_id="idada",
    message_id="<1@example.org>",
    to="ada@uni-freiburg.de",
    subject="You may use GPUs",
    body="Grüße\n.\nSubject: no header\n",
)


class Received:
    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope.content)
        return "250 OK"


@pytest.fixture
def server() -> Iterator[tuple[Received, int]]:
    received = Received()

    def log_in(server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
        return AuthResult(success=login.password == b"secret", handled=False)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(received, hostname="127.0.0.1", port=port, authenticator=log_in, auth_require_tls=False)
    controller.start()
    yield received, port
    controller.stop()


def settings(port: int, tmp_path: Path, password: str) -> PortalSettings:
    file = tmp_path / "password"
    file.touch(0o600)
    file.write_text(password)
    return PortalSettings(
        smtp=f"smtp://gpu%40example.org@127.0.0.1:{port}", smtp_password_file=file, sender="gpu@example.org"
    )


def test_a_mail_arrives_whole(server: tuple[Received, int], tmp_path: Path) -> None:
    received, port = server
    post = post_of(settings(port, tmp_path, "secret"))
    assert isinstance(post, MailServer) and not post.keeps
    post.check()
    post.send(MAIL)
    (raw,) = received.mails
    mail = message_from_bytes(raw, policy=default)
    assert (mail["From"], mail["To"]) == ("gpu@example.org", "ada@uni-freiburg.de")
    assert (mail["Subject"], mail["Message-ID"]) == ("You may use GPUs", "<1@example.org>")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().replace("\r\n", "\n") == MAIL.body


def test_a_wrong_password_is_an_error(server: tuple[Received, int], tmp_path: Path) -> None:
    received, port = server
    with pytest.raises(smtplib.SMTPAuthenticationError):
        MailServer(settings(port, tmp_path, "wrong")).send(MAIL)
    assert received.mails == []


def test_a_server_that_is_away_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        MailServer(settings(1, tmp_path, "secret")).send(MAIL)


@pytest.mark.parametrize("field", ["to", "subject", "message_id"])
def test_no_header_is_smuggled_in(field: str) -> None:
    fields = {name: getattr(MAIL, name) for name in ("to", "subject", "message_id", "body")}
    smuggled = Mail(**fields | {field: fields[field] + "\r\nBcc: everybody@example.org"})
    with pytest.raises(ValueError):
        message(smuggled, "gpu@example.org")


def test_without_a_server_mails_stay_where_they_are() -> None:
    post = post_of(PortalSettings())
    assert isinstance(post, Mailbox) and post.keeps
    post.send(MAIL)
