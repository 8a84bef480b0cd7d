"""Since when a session's GPU has computed nothing, and what its user is told of it; runs in the session."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from nebulab.session.journal import Journal, in_words
from nebulab.session.resources.gpus import Shown

_WORKS_PERCENT = 2
"""A GPU on which nothing computes may report a percent or so."""
_COMPUTES_SECONDS = 60.0
_LONGEST_WARNING_SECONDS = 600.0
_SUBJECT = "idle GPU"
_END = "File > Shut Down… ends the session, and keeps your notebooks and outputs"


class IdleGpu:
    """Tells the user of a GPU that nobody uses, until it is used again, or ends the session for it.

    Parameters
    ----------
    limit
        Seconds until the user is told, or the session ended; 0: never.
    is_shared
        Whether other sessions may use the same GPU.
    end
        Ends the session; None where its user is told alone.
    kept_seconds
        What the user gets, once until the GPU computes again, by asking for it after the warning.
    """

    def __init__(
        self,
        limit: float,
        journal: Journal,
        *,
        is_shared: bool,
        end: Callable[[], None] | None = None,
        kept_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._journal = journal
        self._is_shared = is_shared
        self._end = end
        self._kept_seconds = kept_seconds
        self._clock = clock
        self._since: float | None = None
        self._kept_until: float | None = None

    @property
    def seconds(self) -> float | None:
        """Time without a computation on any GPU; None without a GPU."""
        return None if self._since is None else self._clock() - self._since

    @property
    def ends_in(self) -> float | None:
        """Seconds until the session ends, once its user has to be warned; None before, and where it does not."""
        left = self._left()
        return left if left is not None and left <= min(_LONGEST_WARNING_SECONDS, self._limit / 2) else None

    @property
    def can_keep(self) -> bool:
        """Whether the user may still ask for more time."""
        return self._kept_until is None

    def keep(self) -> None:
        """Put the end off, once: the user asked for it after the warning."""
        left = self.ends_in
        if left is not None and self.can_keep:
            self._kept_until = self._clock() + left + self._kept_seconds
            self._journal.take_back(_SUBJECT)

    def _left(self) -> float | None:
        if self._since is None or not self._limit or self._end is None:
            return None
        return max(max(self._since + self._limit, self._kept_until or 0.0) - self._clock(), 0.0)

    def observe(self, devices: Sequence[Shown], held: Mapping[int, int], quiet_seconds: float) -> None:
        """Take notice of the devices now.

        Parameters
        ----------
        held
            GPU memory of the session's own processes, in bytes, by their pids.
        quiet_seconds
            Time since a cell has run, for devices that report no load.
        """
        usable = [device for device in devices if device.trouble is None]
        if not usable:
            self._begin(None)
        elif self._since is None or any(self._works(device, quiet_seconds) for device in usable):
            self._begin(self._clock())
        elif self._end is not None:
            self._warn_or_end(self._end)
        elif self._limit and self._clock() - self._since >= self._limit:
            self._journal.tell_while(_SUBJECT, self._text(held))

    def _begin(self, since: float | None) -> None:
        self._since = since
        self._kept_until = None
        self._journal.take_back(_SUBJECT)

    def _warn_or_end(self, end: Callable[[], None]) -> None:
        left = self.ends_in
        if left is None:
            return
        if left <= 0:
            end()
            return
        others = "others get less of it" if self._is_shared else "nobody else can use it"
        keep = f' or choose "Keep it running", once, for {self._kept_seconds / 60:g} minutes more'
        self._journal.tell_while(
            _SUBJECT,
            f"The GPU has computed nothing for {(self.seconds or 0) / 60:.0f} minutes; {others} while this session "
            f"keeps it. The session ends in {max(left / 60, 1):.0f} minutes, also while a cell runs that does not use "
            f"the GPU. To keep it, compute on the GPU{keep if self.can_keep else ''}. Notebooks and outputs are kept.",
        )

    def _works(self, device: Shown, quiet_seconds: float) -> bool:
        if device.percent is None:
            return quiet_seconds < _COMPUTES_SECONDS
        # On a shared GPU the load may be another session's: this one computes only if it holds memory there.
        return device.percent > _WORKS_PERCENT and not (self._is_shared and not device.holders)

    def _text(self, held: Mapping[int, int]) -> str:
        others = "others get less of it" if self._is_shared else "nobody else can use it"
        text = f"The GPU has computed nothing for {self._limit / 60:g} minutes; {others} while this session keeps it."
        holding = f" {len(held)} programs hold" if len(held) > 1 else " A kernel holds"
        kernel = "those kernels" if len(held) > 1 else "that kernel"
        if held:
            text += f"{holding} {in_words(sum(held.values()))} of its memory."
        if self._is_shared:
            which = kernel if held else "kernels that you don't need"
            return f"{text} To let it go, shut down {which} (Kernel > Shut Down Kernel)."
        release = f", or at least shut down {kernel}" if held else ""
        return f"{text} If you don't need it now, let it go: {_END}{release}."
