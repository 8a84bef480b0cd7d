"""The outputs of a session without a job, which Galaxy does not collect; runs in the session."""

from __future__ import annotations

from nebulab.session.outputs.collected import Collected, Lost


class Kept(Collected):
    """Nothing for Galaxy to collect: the person's files stay where they are."""

    def begin(self, notebook: bytes) -> None:
        """Do nothing."""

    def lost(self) -> list[Lost]:
        """Return nothing."""
        return []

    def worth_showing(self) -> list[str]:
        """Return nothing."""
        return []

    def empty(self) -> list[str]:
        """Return nothing."""
        return []

    def _write_elements(self) -> None:
        """Do nothing."""

    def _update(self) -> None:
        """Do nothing."""
