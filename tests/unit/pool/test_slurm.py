"""What Slurm's commands print: recorded from Slurm 22.05 with fake GPUs, and lines after its manual of other shapes."""

from __future__ import annotations

import pytest

from nebulab.pool.pool import UNNAMED, Gpus
from nebulab.pool.slurm import _nodes, _waiting, gres

_NODE = (
    "NodeName=gpu{number} Arch=x86_64 CoresPerSocket=1  CPUAlloc=14 CPUEfctv=28 CPUTot=28 CPULoad=2.94 "
    "AvailableFeatures=(null) ActiveFeatures=(null) Gres={gres} GresDrain=N/A GresUsed={used} NodeAddr=127.0.0.1 "
    "NodeHostName=vm Port=16821 Version=22.05.8 OS=Linux 6.18.44 #1 SMP PREEMPT_DYNAMIC @0  RealMemory=90000 "
    "AllocMem=40000 FreeMem=5703 Sockets=28 Boards=1 State={state} ThreadsPerCore=1 TmpDisk=0 Weight=1 Owner=N/A "
    "MCS_label=N/A Partitions=gpu,long  BootTime=2026-11-29T17:36:37 CfgTRES=cpu=28,mem=90000M,billing=28 "
    "AllocTRES=cpu=14,mem=40000M CapWatts=n/a ExtSensorsTemp=n/s {reason}\n"
)


def node(**fields: object) -> str:
    return _NODE.format(**{"number": 1, "gres": "(null)", "used": "", "state": "IDLE", "reason": "", **fields})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(null)", []),
        ("", []),
        ("gpu:2", [Gpus(UNNAMED, 2)]),
        ("gpu", [Gpus(UNNAMED, 1)]),
        ("gpu:a100", [Gpus("a100", 1)]),
        ("gpu:a100:2(S:0-1),gpu:1g.5gb:7,shard:8,craynetwork:1", [Gpus("a100", 2), Gpus("1g.5gb", 7)]),
        ("gpu:a100:2(IDX:0,3),gpu:t4:0(IDX:N/A)", [Gpus("a100", 2), Gpus("t4", 0)]),
        ("gres:gpu:a100:1", [Gpus("a100", 1)]),
        ("gres/gpu=4", [Gpus(UNNAMED, 4)]),
        ("gres/gpu:h100=4", [Gpus("h100", 4)]),
        ("gres/shard:2", []),
    ],
)
def test_gpus_among_the_generic_resources(text: str, found: list[Gpus]) -> None:
    assert gres(text) == found


def test_a_node_with_what_it_has_and_what_is_taken() -> None:
    (one,) = _nodes(
        node(gres="gpu:a100:2(S:0),gpu:t4:1", used="gpu:a100:1(IDX:0),gpu:t4:0(IDX:N/A)", state="MIXED"), ""
    )
    assert (one.name, one.up, one.cpus, one.cpus_busy, one.memory_mb, one.memory_busy_mb) == (
        "gpu1", True, 28, 14, 90_000, 40_000,
    )  # fmt: skip
    assert one.disk_mb is None
    assert one.gpus == (Gpus("a100", 2, busy=1), Gpus("t4", 1, busy=0))


@pytest.mark.parametrize(
    ("state", "up"),
    [
        ("IDLE", True), ("ALLOCATED", True), ("MIXED+PLANNED", True), ("IDLE+CLOUD", True), ("COMPLETING", True),
        ("MIXED+RESERVED", True), ("IDLE+DRAIN", False), ("MIXED+DRAIN", False), ("DOWN+NOT_RESPONDING", False),
        ("IDLE+CLOUD+POWERED_DOWN", False), ("IDLE+MAINTENANCE", False), ("FAIL", False), ("UNKNOWN", False),
        ("IDLE+CLOUD+POWERING_UP", False), ("REBOOT_ISSUED", False),
    ],
)  # fmt: skip
def test_which_states_take_jobs(state: str, up: bool) -> None:
    (one,) = _nodes(node(state=state), "")
    assert one.up is up
    assert bool(one.reason) is not up


def test_a_reason_is_free_text() -> None:
    (one,) = _nodes(node(state="DOWN", reason="Reason=disk=full, State=IDLE [root@2026-11-29T17:44:55]"), "")
    assert (one.up, one.reason) == (False, "disk=full, State=IDLE")


def test_only_the_nodes_of_the_partition() -> None:
    assert len(_nodes(node(number=1) + node(number=2), "long")) == 2
    assert _nodes(node(), "lon") == ()


def test_of_the_queue_those_who_wait_for_gpus() -> None:
    text = "\n".join(
        [
            "3|PENDING|2026-11-29T17:44:23|gres:gpu:a100:1|N/A|N/A|2|1|Resources|",
            "4|PENDING|2026-11-29T17:40:57|N/A|gres:gpu:3|N/A|1|1|Priority|",
            "5|PENDING|2026-11-29T17:44:58|N/A|N/A|gres:gpu:t4:1|1|4|Priority|",
            "6|PENDING|2026-11-29T17:44:57|N/A|N/A|N/A|1|1|Priority|",
            "7|PENDING|2026-11-29T17:44:57|gres:gpu:1|N/A|N/A|1|1|JobHeldUser|",
            "8|PENDING|2026-11-29T17:44:57|gres:gpu:1|N/A|N/A|1|1|Dependency|",
            "9|PENDING|N/A|gres:gpu:1|N/A|N/A|1|1|Priority|",
            "",
        ]
    )
    assert [(one.gpus, one.model) for one in _waiting(text)] == [(3, None), (2, "a100"), (4, "t4")]
