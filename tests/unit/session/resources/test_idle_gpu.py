"""A GPU that nobody uses is told, once, and until it is used."""

from __future__ import annotations

from nebulab.accelerators.gpus import Holder, Trouble
from nebulab.session.journal import Journal
from nebulab.session.resources.gpus import Shown
from nebulab.session.resources.idle_gpu import IdleGpu

GIB = 2**30


def device(percent: int | None, *holders: int, trouble: Trouble | None = None) -> Shown:
    held = tuple(Holder(pid, GIB) for pid in holders)
    return Shown("GPU-1", "T4", "", percent, GIB, 16 * GIB, 40, 20.0, held, None, trouble)


class Watched:
    def __init__(self, minutes: float = 30, *, is_shared: bool = False, ends: bool = False) -> None:
        self.now = 0.0
        self.ended: list[float] = []
        self.journal = Journal()
        self.idle = IdleGpu(
            minutes * 60,
            self.journal,
            is_shared=is_shared,
            end=(lambda: self.ended.append(self.now / 60)) if ends else None,
            kept_seconds=3600,
            clock=lambda: self.now,
        )

    def after(self, minutes: float, *devices: Shown, quiet_seconds: float = 0.0) -> list[str]:
        """Return what is told after so many minutes more, looked at each of them."""
        end = self.now + minutes * 60
        while True:
            held = {holder.pid: GIB for each in devices for holder in each.holders}
            self.idle.observe(devices, held, quiet_seconds)
            if self.now >= end:
                return [str(message["text"]) for message in self.journal.messages()]
            self.now += 60


def test_it_is_told_after_its_time_and_taken_back_with_the_next_computation() -> None:
    watched = Watched()
    assert watched.after(29, device(0, 7)) == []
    (text,) = watched.after(60, device(1, 7))
    assert text.startswith("The GPU has computed nothing for 30 minutes; nobody else can use it")
    assert "A kernel holds 1.0 GB of its memory." in text
    assert "File > Shut Down…" in text
    assert watched.idle.seconds == 89 * 60
    assert watched.after(0, device(80, 7)) == []
    assert watched.idle.seconds == 0


def test_of_a_shared_gpu_the_load_of_others_is_none_of_ours() -> None:
    watched = Watched(is_shared=True)
    (text,) = watched.after(31, device(99))
    assert "others get less of it" in text
    assert Watched(is_shared=True).after(31, device(99, 7)) == []


def test_a_slice_that_reports_no_load_counts_as_idle_while_no_cell_runs() -> None:
    watched = Watched()
    assert watched.after(31, device(None), quiet_seconds=5) == []
    assert len(watched.after(31, device(None), quiet_seconds=500)) == 1


def test_a_second_gpu_that_computes_is_enough() -> None:
    assert Watched().after(60, device(0), device(50)) == []


def test_zero_minutes_is_never() -> None:
    assert Watched(0).after(600, device(0)) == []


def test_without_a_gpu_nothing_is_told() -> None:
    watched = Watched()
    assert watched.after(60) == []
    assert watched.after(60, device(0, trouble=Trouble.LOST)) == []
    assert watched.idle.seconds is None


def test_where_sessions_end_for_it_they_warn_and_end_unless_the_gpu_computes() -> None:
    watched = Watched(ends=True)
    assert watched.after(19, device(0, 7)) == []
    (text,) = watched.after(1, device(0, 7))
    assert "nothing for 20 minutes" in text and "The session ends in 10 minutes, also while a cell runs" in text
    assert "once, for 60 minutes more" in text
    assert watched.idle.ends_in == 600
    assert watched.after(5, device(0, 7)) == [text] and watched.ended == []
    assert watched.after(1, device(90, 7)) == []
    assert watched.ended == []
    watched.after(19, device(0, 7))
    assert not watched.idle.ends_in
    watched.after(11, device(0, 7))
    assert watched.ended == [56]


def test_who_asks_after_the_warning_gets_more_time_once() -> None:
    watched = Watched(ends=True)
    watched.after(5, device(0))
    watched.idle.keep()
    assert watched.idle.can_keep, "nothing was to be kept yet"
    watched.after(20, device(0))
    watched.idle.keep()
    assert (watched.idle.ends_in, watched.idle.can_keep) == (None, False)
    assert watched.after(54, device(0)) == []
    (text,) = watched.after(1, device(0))
    assert "Keep it running" not in text
    watched.idle.keep()
    watched.after(10, device(0))
    assert watched.ended == [90], "an hour more than the half"
    # Another time without a computation begins anew.
    watched.after(1, device(50))
    assert watched.idle.can_keep


def test_where_they_end_too_zero_minutes_is_never_and_a_lost_gpu_ends_nothing() -> None:
    for watched, devices in (
        (Watched(0, ends=True), [device(0)]),
        (Watched(ends=True), [device(0, trouble=Trouble.LOST)]),
    ):
        assert watched.after(600, *devices) == []
        assert watched.idle.ends_in is None and watched.ended == []
