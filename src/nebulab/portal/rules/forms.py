"""What people write into the forms: read, bounded, each fault told beside its field; runs beside Galaxy."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from nebulab.errors import FormError, PortalError
from nebulab.portal import clock
from nebulab.portal.data.tables import LINE, TEXT
from nebulab.portal.rules.context import Context
from nebulab.portal.rules.domains import Standing, checked_address, refusal

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
TERMS = "1"
"""The version of the terms that the form shows."""
_LINES = {
    "project": "Give the project a name; the title of your thesis or grant will do.",
    "group_leader": "Name the person who leads your group.",
    "institution": "Name your university, institute or company.",
}
_TEXTS = {
    "purpose": "Say in a sentence or two what you want to compute.",
    "gpu_need": "Say what needs the GPU: the method or library, and about how many hours a week.",
}
_NAMES = {
    "project": "The project's name",
    "group_leader": "The group leader's name",
    "institution": "The institution's name",
    "purpose": "What you want to compute",
    "gpu_need": "What needs the GPU",
}
_SHORTEST = 10
"""Characters of a text from which a reviewer can learn something."""
_TOOL = re.compile(r"[\w.+/-]{1,200}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# Scripts and emoji are joined by these two; other format characters hide text or turn its direction.
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True)
class Form:
    """A filled-in application, checked."""

    purpose: str
    project: str
    group_leader: str
    institution: str
    gpu_need: str
    wanted_until: date
    email: str
    standing: Standing
    tool: str


def read_form(filled: Mapping[str, str], context: Context) -> Form:
    """Return the application that the fields make.

    Raises
    ------
    FormError
        A field is missing, too long, or has no usable value.
    """
    faults: dict[str, str] = {}
    lines = {name: _bounded(filled, name, LINE, 1, missing, faults) for name, missing in _LINES.items()}
    texts = {name: _bounded(filled, name, TEXT, _SHORTEST, missing, faults) for name, missing in _TEXTS.items()}
    email, standing = _address(filled.get("email", ""), context, faults)
    until = _until(filled.get("wanted_until", ""), context, faults)
    if filled.get("terms") != TERMS:
        faults["terms"] = "Accept the terms, without which nobody gets a GPU here."
    if faults:
        raise FormError(faults)
    return Form(
        **lines, **texts, wanted_until=until, email=email, standing=standing, tool=tool_of(filled.get("tool", ""))
    )


def tool_of(name: str) -> str:
    """Return the id of the tool that led somebody here, or nothing if it can't be one."""
    return name if _TOOL.fullmatch(name) else ""


def read_text(text: str, missing: str, field: str) -> str:
    """Return a reason, a question or an answer.

    Raises
    ------
    FormError
        It is empty, which `missing` says, or too long.
    """
    faults: dict[str, str] = {}
    read = _bounded({field: text}, field, TEXT, 1, missing, faults)
    if faults:
        raise FormError(faults)
    return read


def read_until(text: str, context: Context, field: str = "until") -> date:
    """Return the last day of an access.

    Raises
    ------
    FormError
        It is no day, has passed, or is too far away.
    """
    faults: dict[str, str] = {}
    until = _until(text, context, faults, field)
    if faults:
        raise FormError(faults)
    return until


def default_until(context: Context) -> date:
    """Return the day that the form has filled in."""
    return clock.today() + timedelta(days=context.settings.access_days)


def longest_until(context: Context) -> date:
    """Return the last day that may be asked for and given."""
    return clock.today() + timedelta(days=context.settings.longest_days)


def _bounded(filled: Mapping[str, str], name: str, most: int, least: int, missing: str, faults: dict[str, str]) -> str:
    # Browsers send CR LF for a line's end; other control characters nobody types.
    text = _CONTROL.sub("", filled.get(name, "").replace("\r\n", "\n"))
    text = "".join(each for each in text if each in _JOINERS or unicodedata.category(each) != "Cf").strip()
    if most == LINE:
        text = " ".join(text.split())
    if len(text) < least or not any(each.isalnum() for each in text):
        faults[name] = missing
    elif len(text) > most:
        faults[name] = f"{_NAMES.get(name, 'This')} has {len(text)} characters; {most} are the most."
    return text


def _address(email: str, context: Context, faults: dict[str, str]) -> tuple[str, Standing]:
    try:
        checked = checked_address(email)
        standing = context.domains.standing(checked)
        if not standing.official:
            raise refusal(checked, standing)
    except PortalError as error:
        faults["email"] = f"{error.message} {error.hint}"
        return email, Standing.UNKNOWN
    return checked, standing


def _until(text: str, context: Context, faults: dict[str, str], field: str = "wanted_until") -> date:
    today, longest = clock.today(), longest_until(context)
    try:
        # As browsers write it, and not in the other ways that ISO 8601 has.
        until = date.fromisoformat(text.strip() if _DAY.fullmatch(text.strip()) else "")
    except ValueError:
        faults[field] = "Choose a day, written as 2027-05-31."
        return today
    if until < today:
        faults[field] = "Choose a day that is still to come."
    elif until > longest:
        faults[field] = f"Choose a day until {longest.isoformat()}; an access can be renewed before it ends."
    return until
