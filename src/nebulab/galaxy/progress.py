"""The interface by which transfers report their progress to a display; runs everywhere."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives a transfer's progress, in the transfer's thread; each call must return quickly."""

    def start(self, label: str, total: int | None) -> None:
        """A transfer of `total` bytes (None if Galaxy does not say) begins."""

    def update(self, done: int) -> None:
        """`done` bytes have been transferred; fewer than before if the transfer was restarted."""

    def finish(self, error: str = "") -> None:
        """It is complete, or ended with an error."""


class Silent:
    """Shows nothing."""

    def start(self, label: str, total: int | None) -> None:
        """Show nothing."""

    def update(self, done: int) -> None:
        """Show nothing."""

    def finish(self, error: str = "") -> None:
        """Show nothing."""


def in_bytes(size: float) -> str:
    """Return a size in bytes for a person: `1.2 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
