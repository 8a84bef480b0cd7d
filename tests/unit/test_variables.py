"""A setting is read as it is declared; what is not allowed is refused with its name, its value and what is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from nebulab import variables
from nebulab.errors import SettingsError
from nebulab.variables import PLACE, PLACES, Setting, setting


@dataclass(frozen=True)
class Some:
    minutes: float = setting("MINUTES", 120.0, at_least=0, help="So long.")
    parts: int | None = setting("PARTS", at_least=1, whole=True, help="So many.")
    way: str = setting("WAY", "auto", choices=("auto", "none"), help="How.")
    name: str = setting("NAME", "", help="Who.")
    folders: tuple[Path, ...] = setting("FOLDERS", (), kind=PLACES, help="Where.")
    words: str = setting("WORDS", "a,b", empty_counts=True, help="Which.")
    password: str = setting("PASSWORD", "", secret=True, help="Sesame.")
    other: str = "not from the environment"


def read(environment: dict[str, str], **defaults: object) -> Some:
    return Some(**variables.read(Some, environment, **defaults))


@pytest.mark.parametrize("environment", [{}, {"MINUTES": "", "PARTS": " ", "WAY": "", "NAME": "\n", "FOLDERS": ""}])
def test_nothing_means_the_default(environment: dict[str, str]) -> None:
    assert read(environment) == Some()
    assert read(environment, minutes=0.0, parts=4) == Some(minutes=0.0, parts=4)


def test_values_are_read_as_declared() -> None:
    given = {"MINUTES": " 1.5 ", "PARTS": "8", "WAY": "none", "NAME": " me\n", "FOLDERS": "/a::/b c"}
    assert read(given, minutes=0.0) == Some(1.5, 8, "none", "me", (Path("/a"), Path("/b c")))


def test_a_fraction_of_a_whole_number_is_cut_off() -> None:
    assert read({"PARTS": "2.9"}).parts == 2


def test_an_empty_value_counts_where_it_is_declared_to() -> None:
    assert read({"WORDS": ""}).words == ""
    assert read({}).words == "a,b"


@pytest.mark.parametrize("value", ["-1", "long", "nan", "inf", "-inf", "1e999", "1,5"])
def test_a_number_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read({"MINUTES": value})
    assert caught.value.message == f"MINUTES is {value!r}."
    assert caught.value.hint == "Give a number, 0 or more."


@pytest.mark.parametrize("value", ["0", "0.9", "nan"])
def test_too_small_a_number_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="PARTS is") as caught:
        read({"PARTS": value})
    assert caught.value.hint == "Give a whole number, 1 or more."


def test_a_word_that_is_no_choice_is_refused() -> None:
    with pytest.raises(SettingsError, match="WAY is 'jail'") as caught:
        read({"WAY": "jail"})
    assert caught.value.hint == "Give one of auto, none."


def test_a_kind_says_why() -> None:
    class Even(variables.Kind):
        allowed = "an even number"

        def read(self, value: str) -> int:
            if int(value) % 2:
                raise variables.Unusable("which is odd")
            return int(value)

    pair = Setting("PAIR", kind=Even(), help="Two.")
    assert pair.read({"PAIR": "4"}) == 4
    with pytest.raises(SettingsError, match=r"PAIR is '3', which is odd\."):
        pair.read({"PAIR": "3"})
    with pytest.raises(SettingsError, match=r"PAIR is 'three'\."):
        pair.read({"PAIR": "three"})


def test_a_setting_alone() -> None:
    place = Setting("PLACE", Path("/here"), kind=PLACE, help="Where.")
    assert place.read({}) == Path("/here")
    assert place.read({}, None) is None
    assert place.read({"PLACE": "there"}, None) == Path("there")


def test_secrets_do_not_show() -> None:
    assert "sesame" not in repr(read({"PASSWORD": "sesame"}))


def test_what_is_declared() -> None:
    assert list(variables.declared(Some)) == ["minutes", "parts", "way", "name", "folders", "words", "password"]
    assert variables.declared(Some)["minutes"].help == "So long."
