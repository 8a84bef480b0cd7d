"""What Galaxy's answers mean for a session, and that asking never ends."""

from __future__ import annotations

import aiohttp
import pytest

from nebulab.session.ending import End
from nebulab.session.journal import Journal
from nebulab.session.watches.keeper import Keeper
from nebulab.session.watches.watchdog import JobWatch, Verdict, ask, judge


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        (None, Verdict.UNKNOWN),
        ("running", Verdict.RUNNING),
        ("queued", Verdict.RUNNING),
        ("error", Verdict.LOST),
        ("ok", Verdict.LOST),
        ("deleted", Verdict.DELETED),
        ("deleting", Verdict.DELETED),
        ("stopped", Verdict.STOPPED),
        ("a state of next year's Galaxy", Verdict.UNKNOWN),
    ],
)
def test_a_jobs_state_is_judged(state: str | None, verdict: Verdict) -> None:
    assert judge(state) is verdict


async def test_a_galaxy_that_is_away_ends_nothing(unused_tcp_port: int) -> None:
    async with aiohttp.ClientSession() as client:
        assert await ask(client, f"http://127.0.0.1:{unused_tcp_port}", "abc", "key") is Verdict.UNKNOWN


class Asked:
    """Galaxy's verdicts, one a look; an exception is raised."""

    def __init__(self, *verdicts: Verdict | Exception) -> None:
        self.verdicts = list(verdicts)
        self.ends: list[End] = []
        self.times_lost = 0
        self.watch = JobWatch(self._ask, 0, finish=self.ends.append, lost=self._lost)

    async def _ask(self) -> Verdict:
        verdict = self.verdicts.pop(0)
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    async def _lost(self) -> None:
        self.times_lost += 1


async def test_a_job_counts_as_lost_when_galaxy_says_so_twice_and_is_told_once() -> None:
    asked = Asked(*[Verdict.LOST, Verdict.RUNNING, Verdict.LOST, Verdict.LOST, Verdict.LOST, Verdict.LOST])
    for expected in (0, 0, 0, 1, 1, 1):
        await asked.watch.look()
        assert asked.times_lost == expected
    assert asked.watch.is_lost
    assert asked.ends == []


@pytest.mark.parametrize(("verdict", "end"), [(Verdict.DELETED, End.DELETED), (Verdict.STOPPED, End.STOPPED)])
async def test_what_galaxy_has_ended_ends_here(verdict: Verdict, end: End) -> None:
    asked = Asked(Verdict.UNKNOWN, verdict)
    await asked.watch.look()
    assert asked.ends == []
    await asked.watch.look()
    assert asked.ends == [end]


async def test_a_question_that_fails_is_asked_again() -> None:
    asked = Asked(RuntimeError("no event loop of ours"), Verdict.STOPPED)
    keeper = Keeper(asked.watch, journal := Journal())
    assert await keeper.once() == 1
    assert "can't be asked about this session: RuntimeError: no event loop of ours" in str(journal.messages()[0])
    await keeper.once()
    assert asked.ends == [End.STOPPED]
    assert journal.messages() == []


async def test_a_galaxy_that_is_away_at_the_end_is_waited_for() -> None:
    asked = Asked(Verdict.UNKNOWN, Verdict.UNKNOWN, Verdict.LOST, Verdict.LOST)
    away: list[bool] = []
    await asked.watch.outlast(lambda: away.append(True))
    assert away == [True]
    assert asked.watch.is_lost
    assert await asked.watch.look() is None


async def test_a_galaxy_that_knows_the_job_at_the_end_is_not_waited_for() -> None:
    asked = Asked(Verdict.RUNNING)
    await asked.watch.outlast(lambda: None)
    assert not asked.watch.is_lost
