"""Settings in environment variables: each is declared once, with what it may hold and what it is for; runs everywhere.

A dataclass of settings declares a variable as a field, `read` reads all of its fields, and `docs/settings.md` is made
from the same declarations:

    idle_minutes: float = setting(contract.IDLE_MINUTES, 120.0, at_least=0, help="End after so long without computing.")

A session reads its settings before it starts JupyterLab: imports here delay the user.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, fields
from pathlib import Path
from typing import Any

from nebulab.errors import SettingsError

_DECLARED = "nebulab"
"""The key of a field's metadata."""


class Kind:
    """The type of a variable's value; `allowed` describes it in words that follow `Give`. This one is any text."""

    allowed = "a text"

    def read(self, value: str) -> Any:
        """Return the parsed `value`.

        Raises
        ------
        ValueError
            It is not allowed; the message, if there is one, says why, and follows the value.
        """
        return value.strip()


class Number(Kind):
    """A number, `at_least` and `at_most` so large; neither infinity nor NaN."""

    def __init__(self, at_least: float, at_most: float = math.inf, *, whole: bool = False) -> None:
        self._at_least = at_least
        self._at_most = at_most
        self._whole = whole
        bounds = f", {at_least:g} or more" if at_most == math.inf else f" from {at_least:g} to {at_most:g}"
        self.allowed = f"a {'whole ' if whole else ''}number{bounds}"

    def read(self, value: str) -> float:
        """Return the number; with `whole`, the fraction is cut off."""
        number = float(value)
        if not (self._at_least <= number <= self._at_most and math.isfinite(number)):
            raise ValueError
        return int(number) if self._whole else number


class Choice(Kind):
    """One of a few words."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self.allowed = f"one of {', '.join(words)}"

    def read(self, value: str) -> str:
        """Return the word."""
        if value not in self._words:
            raise ValueError
        return value


class Place(Kind):
    """A path, whether something is there or not."""

    allowed = "a path"

    def read(self, value: str) -> Path:
        """Return the path."""
        return Path(value)


class Places(Kind):
    """Paths, with colons between them."""

    allowed = "paths, with colons between them"

    def read(self, value: str) -> tuple[Path, ...]:
        """Return the paths."""
        return tuple(Path(folder) for folder in value.split(":") if folder)


TEXT = Kind()
PLACE = Place()
PLACES = Places()


class Setting:
    """One environment variable.

    Attributes
    ----------
    name
        The variable's name.
    default
        The value if the variable is not set, or empty.
    kind
        The type of its value.
    help
        Its meaning: a sentence or two for the documentation.
    unset
        The default in words, if the value alone doesn't tell it.
    """

    # No dataclass: making one takes longer than reading all settings.
    __slots__ = ("_empty_counts", "default", "help", "kind", "name", "unset")

    def __init__(
        self,
        name: str,
        default: Any = None,
        *,
        help: str,
        kind: Kind = TEXT,
        unset: str = "",
        empty_counts: bool = False,
    ) -> None:
        self.name = name
        self.default = default
        self.kind = kind
        self.help = help
        self.unset = unset
        self._empty_counts = empty_counts

    def read(self, environment: Mapping[str, str], *otherwise: Any) -> Any:
        """Return the value in `environment`, or the default, which `otherwise` replaces if it is given.

        Raises
        ------
        SettingsError
            The value is not allowed; the message names the variable, the value and the allowed values.
        """
        value = environment.get(self.name)
        if value is None or not (value.strip() or self._empty_counts):
            return otherwise[0] if otherwise else self.default
        try:
            return self.kind.read(value)
        except ValueError as error:
            # A ValueError of Python's own (`float`) says nothing that the hint does not.
            reason = f", {error}" if type(error) is Unusable else ""
            raise SettingsError(f"{self.name} is {value!r}{reason}.", f"Give {self.kind.allowed}.") from None


class Unusable(ValueError):
    """The reason for which a value is not allowed, in words that follow the value: `which is no web address`."""


def setting(  # noqa: PLR0913 - each is given by name
    name: str,
    default: Any = None,
    *,
    help: str,
    kind: Kind | None = None,
    at_least: float | None = None,
    at_most: float = math.inf,
    whole: bool = False,
    choices: Sequence[str] = (),
    unset: str = "",
    empty_counts: bool = False,
    secret: bool = False,
) -> Any:
    """Declare a field of a dataclass that the environment variable `name` sets.

    Parameters
    ----------
    at_least, at_most, whole
        For a number: the smallest one, which makes it one, the largest, and whether it is an integer.
    choices
        For a word: the allowed ones.
    kind
        For any other value than a number, a word of a list or a text.
    empty_counts
        Whether an empty variable is a value, and not the default.
    secret
        Whether the value is left out of the dataclass's `repr`.
    """
    if at_least is not None:
        kind = Number(at_least, at_most, whole=whole)
    elif choices:
        kind = Choice(choices)
    declaration = Setting(name, default, help=help, kind=kind or TEXT, unset=unset, empty_counts=empty_counts)
    return field(default=default, repr=not secret, metadata={_DECLARED: declaration})


def declared(settings: type) -> dict[str, Setting]:
    """Return the settings that the dataclass `settings` declares, by the field's name."""
    return {each.name: each.metadata[_DECLARED] for each in fields(settings) if _DECLARED in each.metadata}


def read(settings: type, environment: Mapping[str, str], **defaults: Any) -> dict[str, Any]:
    """Return the values of all settings that the dataclass `settings` declares; `defaults` replace declared ones.

    Raises
    ------
    SettingsError
        A variable's value is not allowed.
    """
    return {
        name: declaration.read(environment, *([defaults[name]] if name in defaults else []))
        for name, declaration in declared(settings).items()
    }
