"""The one text of every refusal: what, why, and what to do instead; runs in the session."""

from __future__ import annotations

from nebulab.errors import NotAllowed

FORBIDDEN = 403
TOO_LARGE = 413
TOO_SLOW = 408


def refused(what: str, hint: str, status: int = FORBIDDEN) -> NotAllowed:
    """Return the error for a request that asks for `what`, with what to do instead."""
    return NotAllowed(f"A notebook may not ask this of Galaxy: {what}.", hint, status)
