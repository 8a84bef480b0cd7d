"""How far a transfer is: what transfers report to and a display implements; runs everywhere."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told by a transfer, from its thread; each call must return quickly."""

    def start(self, label: str, total: int | None) -> None:
        """A transfer of `total` bytes (None if Galaxy does not say) begins."""

    def update(self, done: int) -> None:
        """`done` bytes have arrived; smaller than before when a transfer had to begin again."""

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
