"""What trainers and reviewers write into the forms of courses: read and bounded; runs beside Galaxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from nebulab.errors import FormError
from nebulab.portal import clock
from nebulab.portal.data.tables import LINE, TEXT
from nebulab.portal.rules.context import Context
from nebulab.portal.rules.forms import read_text, read_until

TERMS = "course-1"
"""The version of the terms for courses, which trainer and participants accept."""
MOST_PLACES = 500
_SHORTEST = 10
_NEEDED = {
    "name": ("Give the course the name by which its participants know it.", 1, LINE),
    "purpose": ("Say in a sentence or two what the course teaches, and whom.", _SHORTEST, TEXT),
    "gpu_need": (
        "Say what needs the GPU: the methods, and about how many hours for each participant.",
        _SHORTEST,
        TEXT,
    ),
}


@dataclass(frozen=True)
class Frame:
    """When a course is, both days included, and how many may join."""

    begins: date
    ends: date
    places: int


@dataclass(frozen=True)
class CourseForm:
    """What a trainer asks for, checked."""

    name: str
    purpose: str
    gpu_need: str
    frame: Frame


def read_course(filled: Mapping[str, str], context: Context) -> CourseForm:
    """Return the course that the fields make.

    Raises
    ------
    FormError
        A field is missing, too long, or has no usable value.
    """
    faults: dict[str, str] = {}
    texts = {name: _text(filled, name, faults) for name in _NEEDED}
    frame = _frame(filled, context, faults)
    if filled.get("terms") != TERMS:
        faults["terms"] = "Accept the terms for courses."
    if faults:
        raise FormError(faults)
    return CourseForm(**texts, frame=frame)


def read_frame(filled: Mapping[str, str], context: Context) -> Frame:
    """Return the days and the number of places.

    Raises
    ------
    FormError
        As `read_course`.
    """
    faults: dict[str, str] = {}
    frame = _frame(filled, context, faults)
    if faults:
        raise FormError(faults)
    return frame


def _text(filled: Mapping[str, str], name: str, faults: dict[str, str]) -> str:
    missing, least, most = _NEEDED[name]
    try:
        text = read_text(filled.get(name, ""), missing, name)
    except FormError as error:
        faults |= error.faults
        return ""
    if most == LINE:
        text = " ".join(text.split())
    if len(text) < least:
        faults[name] = missing
    elif len(text) > most:
        faults[name] = f"This has {len(text)} characters; {most} are the most."
    return text


def _frame(filled: Mapping[str, str], context: Context, faults: dict[str, str]) -> Frame:
    days = []
    for name in ("begins", "ends"):
        try:
            days.append(read_until(filled.get(name, ""), context, name))
        except FormError as error:
            faults |= error.faults
            days.append(clock.today())
    begins, ends = days
    if not {"begins", "ends"} & faults.keys() and ends < begins:
        faults["ends"] = "The last day comes before the first one."
    return Frame(begins, ends, _places(filled.get("places", ""), faults))


def _places(text: str, faults: dict[str, str]) -> int:
    number = text.strip()
    if not (number.isascii() and number.isdecimal() and len(number) < 6 and 1 <= int(number) <= MOST_PLACES):
        faults["places"] = f"Write how many may join, in digits: 1 to {MOST_PLACES}."
        return 0
    return int(number)
