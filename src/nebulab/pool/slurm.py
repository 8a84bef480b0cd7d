"""The machines and the queue of a Slurm cluster, through Slurm's own commands; runs where those are configured.

`scontrol show node -d` and `squeue -O` are read as text: their JSON changed its shape with nearly every release (Slurm
22.05 of Debian 12 has none for nodes), while these fields are the same from Slurm 20 on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from nebulab.pool.asking import NoAnswer, answer
from nebulab.pool.pool import UNNAMED, Gpus, Node, Pool, Waiting

_SECONDS = 10.0
_FIELDS = (
    "JobID",
    "State",
    "SubmitTime",
    "tres-per-node",
    "tres-per-job",
    "tres-per-task",
    "NumNodes",
    "NumTasks",
    "Reason",
)
# A node's flags that keep new jobs away; without one of them it is up.
_AWAY = re.compile(r"DOWN|DRAIN|FAIL|MAINT|NOT_RESPONDING|NO_RESPOND|POWERED_DOWN|POWERING|REBOOT|UNKNOWN|FUTURE")
# What waits for its user or for another job would not run if GPUs were free.
_NOT_FOR_GPUS = ("JobHeld", "Dependency", "BeginTime", "JobArrayTaskLimit")
_PAIR = re.compile(r"(?:^|\s)(\w+)=")
_GRES = re.compile(r"(?:gres[:/])?gpu(?::(?P<model>[^:(,=]+?))?[:=](?P<number>\d+)(?=[(,]|$)")
_BARE = re.compile(r"(?:gres[:/])?gpu(?::(?P<model>[A-Za-z][^:(,=]*))?(?=[(,]|$)")


def read(*, partition: str = "", seconds: float = _SECONDS) -> Pool:
    """Return the nodes of `partition` (all by default), and the jobs that wait for GPUs.

    What could not be asked is in the result's `troubles`; nothing is raised.
    """
    chosen = ["-p", partition] if partition else []
    try:
        nodes = _nodes(_answer(["scontrol", "show", "node", "-d", "-o"], seconds), partition)
        queue = _answer(
            ["squeue", "-h", "-a", "-r", "-t", "PD", *chosen, "-O", ",".join(f"{name}:|" for name in _FIELDS)], seconds
        )
        if not nodes:
            where = f"no node is in the partition {partition!r}" if partition else "it has no nodes"
            return Pool(troubles=(f"Slurm: {where}",))
        return Pool(nodes=nodes, waiting=tuple(_waiting(queue)))
    except NoAnswer as silent:
        return Pool(troubles=(f"Slurm: {silent}",))


def _answer(command: Sequence[str], seconds: float) -> str:
    environment = os.environ | {"SLURM_TIME_FORMAT": "standard", "TZ": "UTC", "LC_ALL": "C"}
    return answer(command, seconds, environment=environment, comes_with="Debian's package is slurm-client")


def _nodes(text: str, partition: str) -> tuple[Node, ...]:
    found = []
    for line in text.splitlines():
        fields = _pairs(line)
        if "NodeName" not in fields or (partition and partition not in fields.get("Partitions", "").split(",")):
            continue
        flags = fields.get("State", "UNKNOWN")
        away = _AWAY.search(flags)
        reason = re.sub(r"\s*\[[^\]]*\]$", "", fields.get("Reason", ""))
        used = {gpus.model: gpus.total for gpus in gres(fields.get("GresUsed", ""))}
        found.append(
            Node(
                name=fields["NodeName"],
                up=away is None,
                reason=(reason or flags.lower().replace("+", ", ")) if away else "",
                cpus=_number(fields.get("CPUTot")),
                cpus_busy=_number(fields.get("CPUAlloc")),
                memory_mb=_number(fields.get("RealMemory")),
                memory_busy_mb=_number(fields.get("AllocMem")),
                disk_mb=_number(fields.get("TmpDisk")) or None,
                gpus=tuple(
                    Gpus(gpus.model, gpus.total, busy=min(gpus.total, used.get(gpus.model, 0)))
                    for gpus in gres(fields.get("Gres", ""))
                ),
            )
        )
    return tuple(found)


def _pairs(line: str) -> dict[str, str]:
    """Return the fields of `scontrol -o`; values hold blanks (`OS`, `Reason`), so a value ends at the next name."""
    begins = list(_PAIR.finditer(line))
    ends = [one.start() for one in begins[1:]] + [len(line)]
    pairs: dict[str, str] = {}
    for one, end in zip(begins, ends, strict=True):
        # `Reason` comes last and is free text: what looks like a field in it is none.
        if "Reason" in pairs:
            pairs["Reason"] += line[one.start() : end]
        else:
            pairs[one[1]] = line[one.end() : end].strip()
    return {name: value.strip() for name, value in pairs.items()}


def gres(text: str) -> list[Gpus]:
    """Return the GPUs of a `Gres` field, such as `gpu:a100:2(S:0-1),gpu:1g.5gb:7,shard:8`; others are left out."""
    found: dict[str, int] = {}
    # A list of sockets or of indices has commas of its own.
    for part in re.sub(r"\([^)]*\)", "", text).split(","):
        match = _GRES.fullmatch(part.strip()) or _BARE.fullmatch(part.strip())
        if match:
            number = int(match.groupdict().get("number") or 1)
            model = match["model"] or UNNAMED
            found[model] = found.get(model, 0) + number
    return [Gpus(model, total) for model, total in found.items()]


def _waiting(text: str) -> list[Waiting]:
    found = []
    for line in text.splitlines():
        values = [value.strip() for value in line.rstrip("|").split("|")]
        job = dict(zip(_FIELDS, values, strict=False))
        wanted = _wanted(job)
        since = _moment(job.get("SubmitTime", ""))
        if wanted and since and not job.get("Reason", "").startswith(_NOT_FOR_GPUS):
            number, model = wanted
            found.append(Waiting(since, number, model, job.get("Reason", "")))
    return sorted(found, key=lambda one: one.since)


def _wanted(job: dict[str, str]) -> tuple[int, str | None] | None:
    for field, times in (("tres-per-job", ""), ("tres-per-node", "NumNodes"), ("tres-per-task", "NumTasks")):
        asked = gres(job.get(field, ""))
        if asked:
            factor = _number(job.get(times, "")) or 1
            model = asked[0].model if asked[0].model != UNNAMED else None
            return sum(one.total for one in asked) * factor, model
    return None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def _number(text: str | None) -> int | None:
    match = re.match(r"\d+", text or "")
    return int(match[0]) if match else None
