"""The pool as a real Slurm with GPUs that are files tells it: taken, freed, drained, waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from nebulab.pool import slurm as reader
from support import chromium, portal
from support import slurm as cluster
from support.fake_accounts import KEY, FakeAccounts
from support.galaxy import wait_for
from support.slurm import Slurm

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    with cluster.running({"gpu1": {"a100": 2}, "gpu2": {"t4": 1, "1g.5gb": 2}}) as started:
        yield started


@pytest.fixture
def fake() -> Iterator[FakeAccounts]:
    fake = FakeAccounts()
    yield fake
    fake.stop()


@pytest.fixture(autouse=True)
def _configured(slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in slurm.environment.items():
        monkeypatch.setenv(name, value)


def counts() -> dict[str, tuple[int, int | None, int]]:
    pool = reader.read()
    assert pool.troubles == ()
    return {gpus.model: (gpus.total, gpus.free, gpus.down) for gpus in pool.models()}


def test_gpus_are_taken_waited_for_and_freed(slurm: Slurm) -> None:
    assert counts() == {"a100": (2, 2, 0), "1g.5gb": (2, 2, 0), "t4": (1, 1, 0)}
    options = ("-c", "7", "--mem", "20000")
    first, second = (slurm.submit(*options, "--gres", "gpu:a100:1") for _ in range(2))
    slurm.wait(second, "RUNNING")
    waits = slurm.submit(*options, "--gres", "gpu:a100:1")
    # Jobs ask for GPUs in three ways; one that is held waits for its user, and one without a GPU for none.
    slurm.submit("--gpus", "5")
    slurm.submit("-n", "2", "--gpus-per-task", "a100:1")
    slurm.submit("--hold", "--gres", "gpu:1")
    slurm.submit("-c", "28", "--array", "1-3")

    pool = reader.read()
    assert counts()["a100"] == (2, 0, 0)
    assert [(one.gpus, one.model) for one in pool.waiting or ()] == [(1, "a100"), (5, None), (2, "a100")]
    gpu1 = next(node for node in pool.nodes if node.name == "gpu1")
    assert (pool.total("cpus"), gpu1.cpus_busy, gpu1.memory_busy_mb) == (56, 14, 40_000)
    assert all(abs((pool.at - one.since).total_seconds()) < 60 for one in pool.waiting or ()), "times are in UTC"

    slurm.call("scancel", first)
    slurm.wait(waits, "RUNNING")
    slurm.call("scancel", "-u", "root")
    slurm.wait(second, "CANCELLED")
    slurm.wait(waits, "CANCELLED")
    assert counts()["a100"] == (2, 2, 0)


def test_a_drained_node_is_down_with_its_reason(slurm: Slurm) -> None:
    slurm.call("scontrol", "update", "nodename=gpu2", "state=drain", "reason=fan is Broken=1 today")
    try:
        node = next(node for node in reader.read().nodes if node.name == "gpu2")
        assert (node.up, node.reason) == (False, "fan is Broken=1 today")
        assert counts()["t4"] == (1, 0, 1)
        assert reader.read().total("cpus") == 28
    finally:
        slurm.call("scontrol", "update", "nodename=gpu2", "state=resume")
    deadline = time.monotonic() + 30
    # Slurm asks the node first, and says so.
    while counts()["t4"] != (1, 1, 0):
        assert time.monotonic() < deadline, counts()
        time.sleep(0.2)


def test_the_portals_page_follows_within_ten_seconds(slurm: Slurm, tmp_path: Path, fake: FakeAccounts) -> None:
    settings = {"NEBULAB_PORTAL_POOL": "slurm:gpu", "NEBULAB_PORTAL_SESSION": "1 GPU, 7 cores, 20 GB memory"}
    with portal.running(tmp_path, fake.url, KEY, **settings | slurm.environment) as started:

        def becomes(free: int, waiting: int) -> bool:
            told = httpx.get(f"{started.url}/api/resources").json()
            counted = {gpus["model"]: gpus["free"] for gpus in told.get("gpus", ())}
            return (counted.get("a100"), len(told.get("waiting") or ())) == (free, waiting)

        wait_for("the first look", lambda: becomes(2, 0), 20)
        first, second, _ = (slurm.submit("--gres", "gpu:a100:1", "-c", "7", "--mem", "20000") for _ in range(3))
        slurm.wait(second, "RUNNING")
        wait_for("two taken, one waiting", lambda: becomes(0, 1), 10)
        with chromium.opened() as page:
            page.goto(f"{started.url}/resources")
            chromium.picture(page, "portal-resources-slurm")
            assert "1 job waits for a GPU" in page.locator("#now").inner_text()
        slurm.call("scancel", first)
        wait_for("the next has it", lambda: becomes(0, 0), 10)
        slurm.call("scancel", "-u", "root")
        wait_for("both are free", lambda: becomes(2, 0), 10)


def test_a_partition_that_is_not_there_is_told(slurm: Slurm) -> None:
    assert reader.read(partition="gpu").nodes
    assert reader.read(partition="gpus").troubles == ("Slurm: no node is in the partition 'gpus'",)


def test_a_controller_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CONF", "/nowhere/slurm.conf")
    assert reader.read(seconds=1).troubles[0].startswith("Slurm: scontrol")
