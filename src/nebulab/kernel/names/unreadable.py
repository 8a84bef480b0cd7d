"""`GALAXY_INPUTS` of a session whose file of inputs can't be read: each use says why; runs in the kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nebulab.errors import SettingsError


class UnreadableInputs(Mapping[str, Any]):
    """Looks like a dictionary of inputs, and raises the reason for which there is none."""

    def __init__(self, error: SettingsError) -> None:
        self._message, self._hint = error.message, error.hint

    def _error(self) -> SettingsError:
        return SettingsError(self._message, self._hint)

    def __getitem__(self, name: str) -> Any:
        raise self._error()

    def __iter__(self) -> Iterator[str]:
        raise self._error()

    def __len__(self) -> int:
        raise self._error()

    def __contains__(self, name: object) -> bool:
        raise self._error()

    def __repr__(self) -> str:
        return f"<inputs: {self._message} {self._hint}>"
