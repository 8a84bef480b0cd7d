"""Mails: made safely, and handed to the mail server; runs beside Galaxy."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Protocol
from urllib.parse import unquote, urlsplit

from nebulab.portal.data.tables import Mail
from nebulab.portal.settings import PortalSettings

_TIMEOUT_SECONDS = 20.0


class Post(Protocol):
    """A way for mails."""

    keeps: bool
    """Whether a mail stays in the database, for the page of mails, after it was sent."""

    def send(self, mail: Mail) -> None:
        """Send a mail; whatever it raises, the mail is tried again."""


class Mailbox:
    """No mail server: mails are sent by staying where they are, and people read them on the page *Mails*."""

    keeps = True

    def send(self, mail: Mail) -> None:
        """Do nothing: the mail is in the database."""


class MailServer:
    """The mail server of the settings."""

    keeps = False

    def __init__(self, settings: PortalSettings) -> None:
        self._settings = settings

    def send(self, mail: Mail) -> None:
        """Hand a mail to the server.

        Raises
        ------
        OSError
            The server does not answer, or refuses the mail (`smtplib.SMTPException` is one).
        """
        with self._connected() as server:
            server.send_message(message(mail, self._settings.sender))

    def check(self) -> None:
        """Log in to the server, and send nothing.

        Raises
        ------
        OSError
            As `send`.
        """
        with self._connected() as server:
            server.noop()

    def _connected(self) -> smtplib.SMTP:
        parts = urlsplit(self._settings.smtp)
        host, safe = parts.hostname or "", ssl.create_default_context()
        server: smtplib.SMTP
        if parts.scheme == "smtps":
            server = smtplib.SMTP_SSL(host, parts.port or 465, timeout=_TIMEOUT_SECONDS, context=safe)
        else:
            server = smtplib.SMTP(host, parts.port or 25, timeout=_TIMEOUT_SECONDS)
        try:
            server.ehlo()
            if parts.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=safe)
                server.ehlo()
            if parts.username:
                server.login(unquote(parts.username), self._settings.smtp_password)
        except BaseException:
            server.close()
            raise
        return server


def message(mail: Mail, sender: str) -> EmailMessage:
    """Return the mail as it is sent.

    Raises
    ------
    ValueError
        A header has a line's end in it: `EmailMessage` makes no second header of it.
    """
    made = EmailMessage(policy=SMTP)
    made["From"] = sender
    made["To"] = mail.to
    made["Subject"] = mail.subject
    made["Date"] = formatdate(localtime=False)
    made["Message-ID"] = mail.message_id
    # No answering machine answers, and no list takes it up (RFC 3834).
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(mail.body)
    return made


def post_of(settings: PortalSettings) -> Post:
    """Return the way for mails that the settings name."""
    return MailServer(settings) if settings.smtp else Mailbox()
