"""Tickets of sessions, as the rules for TPV make them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from nebulab.portal.rules.tickets import seal

KEY = "a-secret-of-galaxy-and-of-its-portal"


def ticket(account: int, person: str, *, days: float = 30, age: timedelta = timedelta(), key: str = KEY) -> str:
    """Return a ticket that was made `age` ago, for so many days."""
    made = int((datetime.now(UTC) - age).timestamp())
    told = f"v1.{account}.{person}.{made}.{made + int(days * 86_400)}"
    return f"{told}.{seal(told, key)}"
