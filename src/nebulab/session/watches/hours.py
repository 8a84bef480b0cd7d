"""The watch on the GPU hours of the session's user, as the portal adds them up; runs in the session.

The portal knows the user by a ticket that opens these figures and nothing else. It stays in this process, outside of
what kernels see, as the user's key does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nebulab.errors import NebulabError
from nebulab.session.ending import End
from nebulab.session.journal import Journal, log

if TYPE_CHECKING:
    import aiohttp

_PAUSE_SECONDS = 300.0
_ANSWER_SECONDS = 20
_LONGEST_ANSWER = 64 * 1024
_WARNING_SECONDS = 1800.0
_OVERDUE_SECONDS = 60.0
"""Between looks after the end, while the portal is away."""
_NONE_FOR_US = frozenset({401, 403, 404})
"""What the portal, or the web server before it, answers to a ticket that opens nothing now."""
_SUBJECT = "GPU hours"


class NoHours(NebulabError):
    """The portal has no hours for this session; the text says why."""


@dataclass(frozen=True)
class Hours:
    """The user's hours; `back` is when jobs run again, where the next one is refused."""

    in_words: str
    used: float
    limit: float | None
    days: int
    near: bool = False
    refused: bool = False
    back: datetime | None = None

    def to_json(self) -> dict[str, object]:
        """Return plain values for the page."""
        return {"text": self.in_words, "near": self.near, "refused": self.refused, "back": _day(self.back)}


def read(told: Any) -> Hours:
    """Return the portal's answer.

    Raises
    ------
    ValueError
        It is none.
    """
    try:
        back = told["back"]
        return Hours(
            in_words=str(told["in_words"])[:200],
            used=float(told["used"]),
            limit=None if told["limit"] is None else float(told["limit"]),
            days=int(told["days"]),
            near=told["near"] is True,
            refused=told["refused"] is True,
            back=None if back is None else datetime.fromisoformat(back),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"the portal's answer is none: {error}") from None


async def ask(client: aiohttp.ClientSession, portal: str, ticket: str, proxy: str | None = None) -> Hours:
    """Ask the portal.

    Raises
    ------
    NoHours
        It has none for this ticket.
    OSError, ValueError
        It does not answer, or with something else.
    """
    import aiohttp

    try:
        async with client.get(
            f"{portal}/api/hours/mine",
            headers={"Authorization": f"Bearer {ticket}"},
            timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS),
            # The ticket goes nowhere else.
            allow_redirects=False,
            proxy=proxy,
        ) as answer:
            body = b""
            async for piece in answer.content.iter_any():
                body += piece
                if len(body) > _LONGEST_ANSWER:
                    raise OSError("the portal's answer is too long")
            if answer.status in _NONE_FOR_US:
                raise NoHours(f"{answer.status} {body[:200].decode('utf-8', 'replace')}")
            if answer.status != 200:
                raise OSError(f"the portal answers {answer.status}")
            return read(json.loads(body))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise OSError(str(error) or type(error).__name__) from None


class HoursWatch:
    """Tells the user before the limit and at it, and ends the session some time after that where it is to be ended.

    Parameters
    ----------
    asked
        Asks the portal, as `ask`.
    ends
        Whether a session is ended when the hours are used up; half an hour passes from the warning on.
    """

    trouble = "The GPU hours can't be told"

    def __init__(
        self,
        asked: Callable[[], Awaitable[Hours]],
        *,
        ends: bool,
        journal: Journal,
        finish: Callable[[End], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asked = asked
        self._ends = ends
        self._journal = journal
        self._finish = finish
        self._clock = clock
        self._hours: Hours | None = None
        self._level = ""
        self._warned: float | None = None
        self._is_away = False
        self._is_refused = False

    @property
    def ends_in(self) -> float | None:
        """Seconds until the session ends, None where it does not."""
        return None if self._warned is None else max(self._warned + _WARNING_SECONDS - self._clock(), 0.0)

    def to_json(self) -> Mapping[str, object] | None:
        """Return the hours for the page, None where they are not known."""
        return None if self._hours is None else self._hours.to_json()

    async def look(self) -> float | None:
        """Ask; return the seconds until the next look, None where there is nothing more to ask for."""
        try:
            self._hours = await self._asked()
        except NoHours as error:
            self._refused(error)
            if self.ends_in == 0.0:
                self._finish(End.HOURS)
                return None
            return self._pause()
        except (OSError, ValueError) as error:
            # Nothing for the user: what was told still holds, and the gate decides in any case.
            if not self._is_away:
                log(f"The portal can't be asked for GPU hours: {error}")
            self._is_away = True
            return self._pause()
        self._is_away = self._is_refused = False
        self._tell(self._hours)
        if self.ends_in == 0.0:
            self._finish(End.HOURS)
            return None
        return self._pause()

    def _refused(self, error: NoHours) -> None:
        """Show no hours, and keep an end that was told: its user can have the ticket refused."""
        if not self._is_refused:
            log(f"GPU hours are not shown: the portal answers {error}")
        self._is_refused = True
        if self._warned is None:
            self._hours, self._level = None, ""
            self._journal.take_back(_SUBJECT)

    def _pause(self) -> float:
        left = self.ends_in
        if left is None:
            return _PAUSE_SECONDS
        return min(left, _PAUSE_SECONDS) if left >= 1.0 else _OVERDUE_SECONDS

    def _tell(self, hours: Hours) -> None:
        level = "refused" if hours.refused else "near" if hours.near else ""
        if level == self._level:
            return
        self._level = level
        self._journal.take_back(_SUBJECT)
        self._warned = self._clock() if level == "refused" and self._ends else None
        if level:
            self._journal.tell_while(_SUBJECT, self._text(hours))

    def _text(self, hours: Hours) -> str:
        if not hours.refused:
            then = "the next session or training with a GPU is refused"
            then += ", and this session ends half an hour later." if self._ends else ". What runs then goes on."
            return f"Most of your GPU hours are used: {hours.in_words}. When all are used, {then}"
        until = f" until {_day(hours.back)}" if hours.back else ""
        refused = f"Your GPU hours are used up: {hours.in_words}. The next session or training is refused{until}."
        if not self._ends:
            return f"{refused} This session goes on."
        return f"{refused} This session ends in 30 minutes: its notebooks and outputs are kept."


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%d %b %H:%M} UTC"
