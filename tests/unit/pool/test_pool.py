"""One pool out of several sources' views of the same machines."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nebulab.pool.pool import Gpus, Node, Pool, Waiting, merged, same_model


def test_models_are_summed_over_machines_and_those_of_a_machine_that_is_down_are_down() -> None:
    pool = Pool(
        nodes=(
            Node("a", gpus=(Gpus("A100", 4, busy=3, percent=100.0), Gpus("T4", 2, busy=0, down=1))),
            Node("b", gpus=(Gpus("A100", 4, busy=1, percent=0.0),)),
            Node("c", up=False, gpus=(Gpus("A100", 4, busy=1),)),
        )
    )
    a100, t4 = pool.models()
    assert (a100.total, a100.busy, a100.down, a100.free, a100.percent) == (12, 5, 3, 4, 50.0)
    assert (t4.total, t4.free) == (2, 1)


def test_who_knows_nothing_of_jobs_says_nothing_of_what_is_free() -> None:
    (gpus,) = Pool(nodes=(Node("a", gpus=(Gpus("T4", 2),)),)).models()
    assert (gpus.busy, gpus.free) == (None, None)


def test_figures_are_summed_over_the_machines_that_are_up() -> None:
    pool = Pool(nodes=(Node("a", cpus=8), Node("b", cpus=4, up=False), Node("c")))
    assert (pool.total("cpus"), pool.total("cpus", up_only=False), pool.total("disk_mb")) == (8, 12, None)


def test_a_scheduler_decides_and_an_exporter_adds_what_it_does_not_know() -> None:
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    slurm = Pool(
        nodes=(Node("gpu1", cpus=28, gpus=(Gpus("a100", 2, busy=2), Gpus("t4", 1, busy=0))),),
        waiting=(Waiting(moment, 1),),
    )
    exporter = Pool(
        nodes=(
            Node(
                "gpu1.cluster.example.org",
                gpus=(Gpus("NVIDIA A100-SXM4-40GB", 2, busy=0, memory_mb=40_960, percent=3.0),),
            ),
        ),
        troubles=("GPU exporter gpu2: away",),
    )
    file = Pool(nodes=(Node("gpu1", cpus=1, disk_mb=250_000), Node("gpu9", cpus=2)))
    pool = merged([slurm, exporter, file])
    gpu1, gpu9 = pool.nodes
    assert (gpu1.name, gpu1.cpus, gpu1.disk_mb, gpu9.cpus) == ("gpu1", 28, 250_000, 2)
    assert gpu1.gpus[0] == Gpus("NVIDIA A100-SXM4-40GB", 2, busy=2, memory_mb=40_960, percent=3.0)
    assert gpu1.gpus[1] == Gpus("t4", 1, busy=0)
    assert (pool.waiting, pool.troubles) == (slurm.waiting, exporter.troubles)


def test_a_machine_known_by_its_address_keeps_it() -> None:
    assert [node.name for node in merged([Pool(nodes=(Node("10.0.0.7"), Node("10.0.0.8")))]).nodes] == [
        "10.0.0.7",
        "10.0.0.8",
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a100", "NVIDIA A100-SXM4-40GB", True),
        ("a10", "NVIDIA A100-SXM4-40GB", False),
        ("tesla_t4", "Tesla T4", True),
        ("nvidia_a100_40gb", "NVIDIA A100-SXM4-40GB", True),
        ("h100", "NVIDIA H200", False),
        ("1g.5gb", "NVIDIA A100-SXM4-40GB 1g.5gb", True),
    ],
)
def test_schedulers_shorten_models(one: str, other: str, same: bool) -> None:
    assert same_model(one, other) is same_model(other, one) is same
