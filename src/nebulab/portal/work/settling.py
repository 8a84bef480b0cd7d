"""What Galaxy is made, again until the database says the same before and after; runs beside Galaxy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

State = TypeVar("State")
_MOST_ROUNDS = 5


def settle(wanted: Callable[[], State], make: Callable[[State], None]) -> State:
    """Make what is wanted, and return it.

    Somebody may decide meanwhile, and another process may have done that already: so it is looked at again afterwards.
    """
    state = wanted()
    for _ in range(_MOST_ROUNDS):
        make(state)
        before, state = state, wanted()
        if state == before:
            break
    return state
