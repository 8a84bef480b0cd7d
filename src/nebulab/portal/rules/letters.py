"""The texts of the portal's mails; runs beside Galaxy.

A subject is made of our own words alone. What a person wrote stands in no mail to somebody who did not apply.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from nebulab.portal.settings import PortalSettings

CONFIRM_HOURS = 24
"""How long a link to confirm an address works."""
_DATA_STAYS = "Your data and notebooks stay where they are, in your histories in Galaxy."


@dataclass(frozen=True)
class Letter:
    """A mail's subject and text."""

    subject: str
    body: str


def day(when: date) -> str:
    """Return a day as people read it: 31 May 2027."""
    return f"{when.day} {when:%B %Y}"


def confirm(settings: PortalSettings, token: str, account: str) -> Letter:
    """Return the mail with the link that confirms an address."""
    return letter(
        settings,
        "Confirm your application for a GPU",
        f"The Galaxy account {account} asks for access to GPUs at\n{settings.galaxy_page}\n"
        "and names this address as that of its owner at work.\n\n"
        f"If this is you, open this page and press the button:\n\n{settings.url}/confirm/{token}\n\n"
        f"The link works once, and for {CONFIRM_HOURS} hours.\n"
        "If it is not you, do nothing: without the button nothing happens.",
    )


def received(settings: PortalSettings, application: str) -> Letter:
    """Return the mail that an application has reached the reviewers."""
    return letter(
        settings,
        "Your application for a GPU has arrived",
        "Thank you: your address is confirmed, and a person looks at your application.\n"
        f"You get a mail when it is decided.\n\nIts state: {settings.url}/applications/{application}",
    )


def hours_nearly_used(settings: PortalSettings, standing: str) -> Letter:
    """Return the mail before the limit on GPU hours; `standing` as `32.0 of 40 GPU hours in the last 7 days`."""
    return letter(
        settings,
        "Most of your GPU hours are used",
        f"You have used {standing}.\nWhen all are used, no new session or training starts until some of them are "
        f"older than that;\nwhat runs then goes on.\n\nWhat used them, and how to need fewer: {settings.url}/usage",
    )


def hours_used_up(settings: PortalSettings, standing: str, back: datetime) -> Letter:
    """Return the mail at the limit on GPU hours; `back` is when jobs run again if nothing more is used."""
    return letter(
        settings,
        "Your GPU hours are used up",
        f"You have used {standing}.\nWhat runs goes on. A new session or training starts again\n"
        f"on {day(back)} at {back:%H:%M} UTC, if you use no more until then.\n\n"
        f"What used them, and how to need fewer: {settings.url}/usage",
    )


def gpus_idle(settings: PortalSettings, jobs: str) -> Letter:
    """Return the mail on GPUs that were held and idle; `jobs` has a line for each session or job."""
    return letter(
        settings,
        "Your GPU was idle",
        "A session or job of yours has ended whose GPU computed nothing for hours. Others could have had it:"
        f"\n\n{jobs}\n\n"
        "End a session when you only read and write, and send what takes long as a job: it ends by itself.\n"
        f"More on how you use your GPU: {settings.url}/usage",
    )


def approved(settings: PortalSettings, until: date) -> Letter:
    """Return the mail of an approval."""
    return letter(
        settings,
        "You may use GPUs",
        f"Your application is approved. You may use GPUs in Galaxy until {day(until)},\nthat day included.\n\n"
        f"Start here: {settings.galaxy_page}\n\nYou get a mail before the access ends, and can renew it then.",
    )


def asked(settings: PortalSettings, application: str, question: str) -> Letter:
    """Return the mail with a reviewer's question."""
    return letter(
        settings,
        "A question on your application for a GPU",
        f"The administrators ask:\n\n{question}\n\nAnswer here: {settings.url}/applications/{application}",
    )


def refused(settings: PortalSettings, reason: str) -> Letter:
    """Return the mail of a refusal."""
    return letter(
        settings,
        "Your application for a GPU was not approved",
        f"The administrators' reason:\n\n{reason}\n\nYou may apply again once that has changed: {settings.url}/apply",
    )


def ending(settings: PortalSettings, until: date) -> Letter:
    """Return the mail before an access ends."""
    return letter(
        settings,
        f"Your access to GPUs ends on {day(until)}",
        f"You may use GPUs in Galaxy until {day(until)}, that day included.\n"
        f"If you need them for longer, ask now, and nothing is interrupted:\n\n{settings.url}/apply\n\n"
        "If not, you need to do nothing.",
    )


def expired(settings: PortalSettings, until: date) -> Letter:
    """Return the mail when an access has ended."""
    return letter(
        settings,
        "Your access to GPUs has ended",
        f"It lasted until {day(until)}. {_DATA_STAYS}\nTo use GPUs again, apply again:\n\n{settings.url}/apply",
    )


def revoked(settings: PortalSettings, reason: str) -> Letter:
    """Return the mail when an access was taken back."""
    return letter(
        settings, "Your access to GPUs was ended", f"The administrators' reason:\n\n{reason}\n\n{_DATA_STAYS}"
    )


def letter(settings: PortalSettings, subject: str, text: str) -> Letter:
    """Return a mail with the greeting and the end that all have."""
    contact = f"Questions: {settings.contact}\n" if settings.contact else ""
    return Letter(subject, f"Hello,\n\n{text}\n\n--\nGPU access of {settings.galaxy_page}\n{contact}")
