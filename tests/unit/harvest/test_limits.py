"""The time of a harvest: each object's, that of all, and a stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nebulab.harvest import limits
from nebulab.harvest.limits import STOPPED, Clock, Stopped, TooSlow, short_turns


def test_an_object_is_interrupted_and_the_next_has_its_own_time() -> None:
    clock = Clock(60)
    with pytest.raises(TooSlow), clock.within(0.05):
        while True:
            pass
    with clock.within(5):
        time.sleep(0.1)
    assert clock.over == ""


def test_the_whole_harvest_has_an_end() -> None:
    clock = Clock(0.1)
    with pytest.raises(Stopped), clock.within(60):
        while True:
            pass
    assert "0.1 s" in clock.over
    with pytest.raises(Stopped), clock.within(60):
        raise AssertionError("nothing begins after the end")


def test_a_stop_ends_what_is_being_written() -> None:
    clock = Clock(60)
    before = signal.getsignal(signal.SIGINT)
    with clock.stoppable(), pytest.raises(Stopped), clock.within(60):
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            pass
    assert clock.over == STOPPED
    assert signal.getsignal(signal.SIGINT) is before


def test_a_stop_between_two_objects_interrupts_nothing_else() -> None:
    clock = Clock(60)
    with clock.stoppable():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)  # here a file may be closed
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        assert clock.over == STOPPED
        with pytest.raises(Stopped), clock.within(60):
            raise AssertionError("nothing begins after a stop")


def test_no_except_of_the_objects_code_catches_it() -> None:
    with pytest.raises(TooSlow), Clock(60).within(0.05):
        while True:
            try:
                while True:
                    pass
            except Exception:  # noqa: BLE001 - as careless code does
                pass


def test_what_a_destructor_swallows_is_raised_again() -> None:
    class Long:
        def __del__(self) -> None:
            end = time.monotonic() + 0.3
            while time.monotonic() < end:
                pass

    hook = sys.unraisablehook
    with pytest.raises(TooSlow), Clock(60).within(0.05):
        Long()  # pytest would complain of what its end swallows
        time.sleep(5)
    assert sys.unraisablehook is hook


# In a process of its own, whose memory is its own: takes 10 MB at a time, as a converter that never ends.
_GREEDY = """
import os, sys
from nebulab import linux
from nebulab.harvest import limits

limits.free_bytes = lambda: 200 * 2**20
before = linux.resident(os.getpid())
taken = []
try:
    with limits.Clock(60).within(30, 0.5):
        while True:
            taken.append(bytearray(b"x" * 10 * 2**20))
except limits.TooLarge:
    print("ended", (linux.resident(os.getpid()) - before) // 2**20)
with limits.Clock(60).within(30, 0.5):
    print("and went on")
"""


def test_what_takes_the_free_memory_is_ended() -> None:
    done = subprocess.run([sys.executable, "-c", _GREEDY], capture_output=True, text=True, timeout=60)
    first, second = done.stdout.splitlines()
    assert first.startswith("ended "), done.stderr
    assert 100 <= int(first.split()[1]) < 4000, "of 200 MB that were free"
    assert second == "and went on"


@pytest.mark.parametrize(("limit", "free"), [("1000", 650), ("max", None), (None, None), ("300", 0)])
def test_the_control_group_may_leave_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str | None, free: int | None
) -> None:
    monkeypatch.setattr(limits, "_GROUP", tmp_path)
    if limit is not None:
        (tmp_path / "memory.max").write_text(limit)
        (tmp_path / "memory.current").write_text("400")
        (tmp_path / "memory.stat").write_text("anon 350\ninactive_file 50\n")
    if free is None:
        assert limits.free_bytes() > 2**20, "the machine's"
    else:
        assert limits.free_bytes() == free


def test_elsewhere_than_in_the_main_thread_time_is_looked_at_between_objects() -> None:
    clock = Clock(60)
    seen: list[str] = []

    def harvest() -> None:
        with clock.stoppable(), clock.within(0.01):
            time.sleep(0.05)
        clock._deadline = time.monotonic()
        try:
            with clock.within(60):
                seen.append("began")
        except Stopped:
            seen.append("stopped")

    thread = threading.Thread(target=harvest)
    thread.start()
    thread.join()
    assert seen == ["stopped"]


def test_threads_take_short_turns_for_a_while() -> None:
    before = sys.getswitchinterval()
    with short_turns():
        assert sys.getswitchinterval() < before / 10
    assert sys.getswitchinterval() == pytest.approx(before)
