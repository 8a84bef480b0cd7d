"""What a library has to bring, and what it may leave out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nebulab.models.attempt import Attempt, CantExport, Untrained
from nebulab.models.libraries.base import Library


class Ours(Library):
    kind = package = "ours"
    classes = ((__name__, "Network"), ("ours.not_imported", "Network"))

    def attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        yield from ()

    def native(self, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
        return folder / name, ""


def test_a_library_needs_all_three() -> None:
    class Half(Library):
        kind = package = "half"
        classes = ()

    with pytest.raises(TypeError, match="attempts"):
        Half()  # type: ignore[abstract]


def test_reading_is_optional() -> None:
    assert (Ours().suffixes, Ours().folder_mark) == ((), "")
    with pytest.raises(NotImplementedError):
        Ours().read(Path("model"))


def test_a_module_that_is_not_imported_has_made_no_model() -> None:
    assert not Ours().is_mine(object())


def test_an_untrained_model_can_not_be_exported() -> None:
    assert issubclass(Untrained, CantExport)
