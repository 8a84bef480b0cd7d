"""The texts of the mails on courses; runs beside Galaxy.

Subjects are made of our own words alone. A course's name, which a trainer wrote and a reviewer has read, stands in the
mails to those who joined it by that name.
"""

from __future__ import annotations

from nebulab.portal.data.courses import Course
from nebulab.portal.rules.letters import Letter, day, letter
from nebulab.portal.settings import PortalSettings

_DATA_STAYS = "Data and notebooks stay where they are, in each one's histories in Galaxy."


def shown_code(code: str) -> str:
    """Return a code as people read it: two groups of four."""
    return f"{code[:4]}-{code[4:]}"


def link(settings: PortalSettings, code: str) -> str:
    """Return the address by which participants join."""
    return f"{settings.url}/join/{code}"


def _when(course: Course) -> str:
    return f"from {day(course.begins)} to {day(course.ends)}, both days included (UTC)"


def approved(settings: PortalSettings, course: Course) -> Letter:
    """Return the mail to a trainer whose course is approved."""
    code = course.code or ""
    return letter(
        settings,
        "Your course on GPUs is approved",
        f"{course.name}\n\nIts participants may use GPUs {_when(course)}.\n{course.places} people may join, by this "
        f"address:\n\n{link(settings, code)}\n\nor by the code {shown_code(code)} at {settings.url}/join\n\n"
        f"Who is in, who has a session, who needs help: {settings.url}/courses/{course.id}",
    )


def asked(settings: PortalSettings, course: Course) -> Letter:
    """Return the mail with a reviewer's question."""
    return letter(
        settings,
        "A question on your course on GPUs",
        f"The administrators ask:\n\n{course.reason}\n\nAnswer here: {settings.url}/courses/{course.id}",
    )


def refused(settings: PortalSettings, course: Course) -> Letter:
    """Return the mail of a refusal."""
    return letter(
        settings,
        "Your course on GPUs was not approved",
        f"The administrators' reason:\n\n{course.reason}\n\nYou may ask again once that has changed: "
        f"{settings.url}/courses/new",
    )


def joined(settings: PortalSettings, course: Course) -> Letter:
    """Return the mail to a participant who has joined."""
    return letter(
        settings,
        "You are in a course on GPUs",
        f"{course.name}\n\nYou may use GPUs in Galaxy {_when(course)}.\nStart here: {settings.galaxy_page}\n\n"
        f"Ask for help, or leave the course: {settings.url}/courses/{course.id}",
    )


def removed(settings: PortalSettings, course: Course) -> Letter:
    """Return the mail to a participant whom the trainer has taken out."""
    return letter(
        settings,
        "You are no longer in the course on GPUs",
        f"{course.name}\n\nThe trainer has taken you out of it. {_DATA_STAYS}\nIf that is a mistake, ask the trainer.",
    )


def changed(settings: PortalSettings, course: Course) -> Letter:
    """Return the mail on other days or another number of places."""
    return letter(
        settings,
        "Your course on GPUs has been changed",
        f"{course.name}\n\nIts participants may use GPUs {_when(course)}; there are {course.places} places.",
    )


def begun(settings: PortalSettings, course: Course) -> Letter:
    """Return the mail when a course begins."""
    return letter(
        settings,
        "Your course on GPUs begins",
        f"{course.name}\n\nGalaxy's GPU tools run for its participants now, until {day(course.ends)}, that day "
        f"included.\n\nStart here: {settings.galaxy_page}\nThe course's page: {settings.url}/courses/{course.id}",
    )


def ended(settings: PortalSettings, course: Course) -> Letter:
    """Return the mail when a course has ended."""
    why = f"The administrators ended it. Their reason:\n\n{course.reason}\n\n" if course.reason else ""
    return letter(
        settings,
        "Your course on GPUs has ended",
        f"{course.name}\n\n{why}GPU tools no longer run by this course. {_DATA_STAYS}\n"
        f"To use GPUs further, apply for an access of your own:\n\n{settings.url}/apply",
    )
