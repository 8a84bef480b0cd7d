"""The mails' texts: each says what happened, and where to go on."""

from __future__ import annotations

from datetime import date

from nebulab.portal.rules import letters
from nebulab.portal.settings import PortalSettings

SETTINGS = PortalSettings(
    url="https://galaxy.example.org/gpu", galaxy="http://localhost:8080", galaxy_public="https://galaxy.example.org"
)
DAY = date(2027, 5, 31)


def test_each_letter_leads_on() -> None:
    told = {
        "/gpu/confirm/t0ken": letters.confirm(SETTINGS, "t0ken", "ada@gmail.com"),
        "/gpu/applications/a1": letters.received(SETTINGS, "a1"),
        "until 31 May 2027": letters.approved(SETTINGS, DAY),
        "How many?": letters.asked(SETTINGS, "a1", "How many?"),
        "/gpu/apply": letters.refused(SETTINGS, "No"),
        "that day included": letters.ending(SETTINGS, DAY),
        "stay where they are": letters.expired(SETTINGS, DAY),
        "Mining": letters.revoked(SETTINGS, "Mining"),
    }
    for text, letter in told.items():
        assert text in letter.body
        assert "\n" not in letter.subject
        assert letter.body.endswith("GPU access of https://galaxy.example.org\n")


def test_whom_to_ask_stands_below() -> None:
    asked = PortalSettings(contact="gpu@example.org")
    assert letters.received(asked, "a1").body.endswith("Questions: gpu@example.org\n")
