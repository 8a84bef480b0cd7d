"""A session's GPUs against what it may take of them, as the stand-in's driver tells them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nebulab.accelerators import diagnosis
from nebulab.accelerators.diagnosis import Seen
from nebulab.accelerators.following import Following
from nebulab.accelerators.gpus import Look, Trouble
from nebulab.accelerators.machine import Machine
from nebulab.session.resources import gpus
from support import nvml

MIB = 2**20
FAILURES = [
    (18, Trouble.MISMATCH, "driver"),
    (4, Trouble.NO_PERMISSION, "may not use"),
    (9, Trouble.NO_DRIVER, "not loaded"),
    (15, Trouble.LOST, "does not answer"),
    (999, Trouble.OTHER, "can't be asked"),
]


async def look_once(**state: object) -> Look:
    following = Following(dict(os.environ) | nvml.variables(**state))
    try:
        return await following.look()
    finally:
        await following.close()


def seen(look: Look) -> Seen:
    return diagnosis.examine(look, Machine())


@pytest.fixture
def ask() -> Callable[..., Seen]:
    return lambda **state: seen(asyncio.run(look_once(**state)))


def test_a_gpu_is_measured_against_all_of_it(ask: Callable[..., Seen]) -> None:
    (device,) = gpus.shown(ask(used_mb=1000, percent=63), None, ())
    told = device.to_json()
    assert (told["name"], told["profile"], told["percent"]) == ("Stand-in T4", "", 63)
    assert (told["used"], told["most"], told["limit"]) == (1000 * MIB, 16384 * MIB, None)
    assert (told["celsius"], told["watts"]) == (55, 45.5)


def test_with_a_limit_it_is_the_sessions_largest_process_against_that(ask: Callable[..., Seen], tmp_path: Path) -> None:
    holders = tmp_path / "holders"
    holders.write_text("4242 3000")
    look = ask(holders=holders, used_mb=9000)
    (ours,) = gpus.shown(look, 4096, {4242})
    assert (ours.to_json()["used"], ours.to_json()["most"]) == (3000 * MIB, 4096 * MIB)
    assert gpus.memory_by_pid((ours,)) == {4242: 3000 * MIB}
    # What others hold says nothing about this session's limit.
    (of_others,) = gpus.shown(look, 4096, {1})
    assert (of_others.to_json()["used"], of_others.to_json()["most"]) == (9000 * MIB, 16384 * MIB)
    assert gpus.memory_by_pid((of_others,)) == {}


def test_slices_are_shown_as_slices(ask: Callable[..., Seen]) -> None:
    look = ask(name="Stand-in A100", mig="1g.5gb:4864,2g.10gb:9728", used_mb=1000)
    devices = [device.to_json() for device in gpus.shown(look, None, ())]
    assert [(told["name"], told["profile"], told["most"]) for told in devices] == [
        ("Stand-in A100 MIG 1g.5gb", "1g.5gb", 4864 * MIB),
        ("Stand-in A100 MIG 2g.10gb", "2g.10gb", 9728 * MIB),
    ]
    assert all(told["percent"] is None for told in devices)
    assert gpus.in_words(look)[0] == "Stand-in A100 MIG 1g.5gb, 4.8 GiB; Stand-in A100 MIG 2g.10gb, 9.5 GiB."


def test_one_gpu_that_is_lost_leaves_the_others(ask: Callable[..., Seen]) -> None:
    look = ask(gpus=2, broken="1:15")
    first, second = gpus.shown(look, None, ())
    assert (first.trouble, second.trouble) == (None, Trouble.LOST)
    text, hint = gpus.in_words(look)
    assert text.startswith("Stand-in T4, 16.0 GiB. GPU 1")
    assert "nvidia-smi --gpu-reset" in hint


@pytest.mark.parametrize(("code", "trouble", "words"), FAILURES)
def test_each_failure_is_told_in_words(ask: Callable[..., Seen], code: int, trouble: Trouble, words: str) -> None:
    look = ask(init=code)
    assert look.look.trouble is trouble
    assert gpus.shown(look, None, ()) == ()
    text, hint = gpus.in_words(look)
    assert text.startswith("No GPU here: computing on the CPU. ")
    assert words in text
    assert hint


def test_without_a_gpu_a_short_sentence_says_so() -> None:
    text, hint = gpus.in_words(seen(Look(trouble=Trouble.NO_LIBRARY, reason="not on this machine")))
    assert (text, hint) == ("No GPU here: computing on the CPU.", "")


async def test_the_process_lasts_and_its_figures_follow(tmp_path: Path) -> None:
    figures = tmp_path / "figures"
    calls = tmp_path / "calls"
    figures.write_text("1000 10")
    following = Following(dict(os.environ) | nvml.variables(figures=figures, calls=calls))
    assert (await following.look()).gpus[0].percent == 10
    figures.write_text("2000 90")
    assert (await following.look()).gpus[0].percent == 90
    assert calls.read_text() == "i"
    await following.close()


async def test_a_failure_is_retried_after_a_while_and_by_a_new_process(tmp_path: Path) -> None:
    environment = dict(os.environ) | nvml.variables(init=18, calls=tmp_path / "calls")
    now = 0.0
    following = Following(environment, retry=60, clock=lambda: now)
    assert (await following.look()).trouble is Trouble.MISMATCH
    following._environment["STAND_IN_INIT"] = "0"
    assert (await following.look()).trouble is Trouble.MISMATCH
    now = 61.0
    assert (await following.look()).trouble is None
    await following.close()


async def test_a_driver_that_hangs_is_given_up_after_its_time() -> None:
    following = Following(dict(os.environ) | nvml.variables(hang=1), seconds=0.5)
    look = await following.look()
    assert look.trouble is Trouble.SILENT
    assert "hangs" in gpus.in_words(seen(look))[0]
    await following.close()


async def test_a_process_that_was_killed_is_told_and_started_again() -> None:
    now = 0.0
    following = Following(dict(os.environ) | nvml.variables(), clock=lambda: now)
    assert (await following.look()).trouble is None
    process: Any = following._process
    process.kill()
    await process.wait()
    assert (await following.look()).trouble is None
    await following.close()


async def test_where_no_process_can_start_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none_left(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", none_left)
    text, _ = gpus.in_words(seen(await look_once()))
    assert text.startswith("No GPU here: computing on the CPU.")
    assert "can't start: Resource temporarily unavailable" in text
