"""The sources that an administrator names, and machines out of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from nebulab.accelerators.gpus import Gpu, Look, MigSlice, Trouble
from nebulab.errors import SettingsError
from nebulab.pool import machine, reading, static
from nebulab.pool.pool import Gpus

_FILE = """
nodes:
  - name: gpu[08-10]
    cpus: 28
    memory: 90 GB
    disk: 2 TB
    gpus:
      - {model: NVIDIA A100, count: 2, memory: 40 GB}
      - {model: Tesla T4}
  - {name: old, memory: 1024, down: fan is broken}
"""


def test_sources_by_their_kinds() -> None:
    found = reading.parse(
        "slurm slurm:gpu, kubernetes kubernetes:a.b/c=d http://gpu1:9400/metrics,machine file:/etc/machines.yml"
    )
    assert found == reading.Sources(
        ("", "gpu"), ("", "a.b/c=d"), ("http://gpu1:9400/metrics",), (Path("/etc/machines.yml"),), machine=True
    )
    assert reading.parse("") == reading.Sources()


@pytest.mark.parametrize("text", ["slrum", "http://", "file:relative.yml", "machine:x", "ftp://x", "kubernetes:--as"])
def test_what_is_no_source_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="no source of the pool"):
        reading.parse(text)


async def test_all_are_read_and_each_failure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "machines.yml").write_text(_FILE)
    sources = reading.parse(
        f"slurm http://127.0.0.1:1/metrics file:{tmp_path}/machines.yml file:{tmp_path}/none machine"
    )
    pool = await reading.read(sources, folder=tmp_path)
    assert {"gpu08", "gpu09", "gpu10", "old"} < {node.name for node in pool.nodes}
    assert [trouble.split(":")[0].split(" /")[0] for trouble in pool.troubles] == [
        "Slurm", "GPU exporter 127.0.0.1", "The file of machines",
    ]  # fmt: skip
    assert "scontrol is not on this machine" in pool.troubles[0]


def test_machines_out_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text(_FILE)
    pool = static.read(tmp_path / "m.yml")
    assert [node.name for node in pool.nodes] == ["gpu08", "gpu09", "gpu10", "old"]
    first, old = pool.nodes[0], pool.nodes[-1]
    assert (first.cpus, first.memory_mb, first.disk_mb) == (28, 92_160, 2_097_152)
    assert first.gpus == (Gpus("NVIDIA A100", 2, memory_mb=40_960), Gpus("Tesla T4", 1))
    assert (old.up, old.reason, old.memory_mb) == (False, "fan is broken", 1024)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nodes: 3", "no list `nodes`"),
        ("- 1", "no list `nodes`"),
        ("nodes: [{name: a, cpu: 3}]", "machine 1: `cpu` is none of cpus"),
        ("nodes: [{name: a}, {cpus: 3}]", "machine 2: it has no `name`"),
        ("nodes: [{name: a, memory: 3 GBs}]", "`memory: 3 GBs` is no size"),
        ("nodes: [{name: a, cpus: many}]", "`cpus: many` is no number"),
        ("nodes: [{name: a, gpus: {model: x}}]", "`gpus` is no list"),
        ("nodes: [{name: 'a[1-99999999]'}]", "names 99999999 machines"),
        ("nodes: [7]", "7 is no entry"),
        ("nodes: [", "can't be read"),
    ],
)
def test_a_file_with_a_mistake_names_it(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text(text)
    with pytest.raises(SettingsError) as raised:
        static.read(tmp_path / "m.yml")
    assert told in raised.value.message


def test_this_machines_gpus_and_slices() -> None:
    mib = 1 << 20
    look = Look(
        gpus=(
            Gpu(0, "NVIDIA L4", memory_total=23_034 * mib, memory_used=400 * mib, percent=0, processes=0),
            Gpu(1, "NVIDIA L4", memory_total=23_034 * mib, memory_used=9_000 * mib, percent=98, processes=1),
            Gpu(2, "NVIDIA L4", trouble=Trouble.LOST),
            Gpu(
                3,
                "NVIDIA A100",
                mig=True,
                slices=(
                    MigSlice("x", "1g.5gb", "u1", 4864 * mib, 13 * mib),
                    MigSlice("x", "1g.5gb", "u2", 4864 * mib, 4000 * mib),
                ),
            ),
        )
    )
    assert machine.gpus(look) == (
        Gpus("NVIDIA A100 1g.5gb", 2, busy=1, memory_mb=4864),
        Gpus("NVIDIA L4", 3, busy=1, down=1, memory_mb=23_034, percent=49.0),
    )
