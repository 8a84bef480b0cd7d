"""The machines and the queue of a Kubernetes cluster, through `kubectl`; runs where that is configured.

GPUs are the extended resources of the vendors' device plug-ins, their models the labels of NVIDIA's GPU feature
discovery (https://github.com/NVIDIA/k8s-device-plugin). What pods claim by dynamic resource allocation is not seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nebulab.pool.asking import NoAnswer, answer
from nebulab.pool.pool import UNNAMED, Gpus, Node, Pool, Waiting

_SECONDS = 10.0
_NODES = ("get", "nodes", "--output", "json")
# What has ended holds nothing.
_PODS = (
    *("get", "pods", "--all-namespaces", "--output", "json"),
    "--field-selector=status.phase!=Succeeded,status.phase!=Failed",
)
_WHOLE = {"nvidia.com/gpu", "nvidia.com/gpu.shared", "amd.com/gpu", "gpu.intel.com/i915", "gpu.intel.com/xe"}
_SLICE = "nvidia.com/mig-"
_PRODUCT, _MEMORY = "nvidia.com/gpu.product", "nvidia.com/gpu.memory"
_QUANTITY = re.compile(r"([0-9.]+(?:[eE][+-]?[0-9]+)?)([numkMGTPE]|[KMGTPE]i)?")
_TIMES = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0}
_TIMES |= {unit: 1000.0**power for power, unit in enumerate("kMGTPE", 1)}
_TIMES |= {f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)}


def read(*, selector: str = "", seconds: float = _SECONDS) -> Pool:
    """Return the nodes that `selector` chooses by their labels (all by default), and the pods that wait for GPUs.

    What could not be asked is in the result's `troubles`; nothing is raised.
    """
    chosen = [f"--selector={selector}"] if selector else []
    try:
        nodes = _answer([*_NODES, *chosen], seconds)
        if not nodes:
            where = f"no node has the label {selector!r}" if selector else "it has no nodes"
            return Pool(troubles=(f"Kubernetes: {where}",))
        return told(nodes, _answer(_PODS, seconds))
    except NoAnswer as silent:
        return Pool(troubles=(f"Kubernetes: {silent}",))


def told(nodes: Sequence[Mapping[str, Any]], pods: Sequence[Mapping[str, Any]]) -> Pool:
    """Return the pool out of the API's objects of nodes and pods, of its version 1."""
    held: dict[str, dict[str, float]] = {}
    for pod in pods:
        node = pod.get("spec", {}).get("nodeName")
        if node:
            amounts = held.setdefault(node, {})
            for name, amount in _requests(pod["spec"]).items():
                amounts[name] = amounts.get(name, 0.0) + amount
    return Pool(
        nodes=tuple(_node(node, held.get(node["metadata"]["name"], {})) for node in nodes),
        waiting=tuple(sorted(_waiting(pods), key=lambda one: one.since)),
    )


def _answer(arguments: Sequence[str], seconds: float) -> list[dict[str, Any]]:
    told = answer(["kubectl", *arguments, f"--request-timeout={seconds:g}s"], seconds)
    try:
        items: list[dict[str, Any]] = json.loads(told)["items"]
    except (ValueError, KeyError, TypeError):
        raise NoAnswer("kubectl's answer can't be read") from None
    return items


def _node(node: Mapping[str, Any], held: Mapping[str, float]) -> Node:
    metadata, status = node["metadata"], node.get("status", {})
    capacity, labels = status.get("capacity", {}), metadata.get("labels", {})
    allocatable = status.get("allocatable", capacity)
    reason = _away(node)
    return Node(
        name=metadata["name"],
        up=not reason,
        reason=reason,
        cpus=_whole(allocatable.get("cpu")),
        cpus_busy=round(held.get("cpu", 0.0)),
        memory_mb=_mebibytes(allocatable.get("memory")),
        memory_busy_mb=round(held.get("memory", 0.0) / 2**20),
        disk_mb=_mebibytes(allocatable.get("ephemeral-storage")),
        gpus=tuple(_gpus(name, capacity, allocatable, labels, held) for name in capacity if _is_gpu(name)),
    )


def _gpus(
    name: str,
    capacity: Mapping[str, str],
    allocatable: Mapping[str, str],
    labels: Mapping[str, str],
    held: Mapping[str, float],
) -> Gpus:
    total = round(quantity(capacity[name]))
    # The device plug-in takes a GPU that is broken out of what can be given away.
    down = max(0, total - round(quantity(allocatable.get(name, "0"))))
    memory = labels.get(f"{name}.memory" if name.startswith(_SLICE) else _MEMORY, "")
    return Gpus(
        model=_model(name, labels.get(_PRODUCT, "")),
        total=total,
        busy=min(total - down, round(held.get(name, 0.0))),
        down=down,
        memory_mb=int(memory) if memory.isdecimal() else None,
    )


def _is_gpu(name: str) -> bool:
    return name in _WHOLE or name.startswith(_SLICE)


def _model(resource: str, product: str) -> str:
    if resource.startswith(_SLICE):
        return resource.removeprefix(_SLICE)
    # In a label there are no blanks.
    return product.replace("NVIDIA-", "NVIDIA ", 1) or UNNAMED


def _away(node: Mapping[str, Any]) -> str:
    """Return why no pod is put on a node; nothing if pods are."""
    conditions = {each["type"]: each for each in node.get("status", {}).get("conditions", ())}
    ready = conditions.get("Ready", {})
    if ready.get("status") != "True":
        return str(ready.get("message") or ready.get("reason") or "not ready")
    return "cordoned" if node.get("spec", {}).get("unschedulable") else ""


def _requests(spec: Mapping[str, Any]) -> dict[str, float]:
    """Return what a pod holds: its containers together, or its largest init container if that is more.

    https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
    """
    together = _sum(_amounts(each) for each in spec.get("containers", ()))
    first: dict[str, float] = {}
    beside: dict[str, float] = {}
    for container in spec.get("initContainers", ()):
        amounts = _sum((_amounts(container), beside))
        if container.get("restartPolicy") == "Always":  # a sidecar, which stays
            beside = amounts
        first = {name: max(first.get(name, 0.0), amounts.get(name, 0.0)) for name in first.keys() | amounts.keys()}
    lasting = _sum((together, beside))
    return {name: max(first.get(name, 0.0), lasting.get(name, 0.0)) for name in first.keys() | lasting.keys()}


def _amounts(container: Mapping[str, Any]) -> dict[str, float]:
    resources = container.get("resources", {})
    # Who names a limit alone asks for as much.
    asked = resources.get("limits", {}) | resources.get("requests", {})
    return {name: quantity(amount) for name, amount in asked.items()}


def _sum(amounts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for each in amounts:
        for name, amount in each.items():
            found[name] = found.get(name, 0.0) + amount
    return found


def _waiting(pods: Iterable[Mapping[str, Any]]) -> Iterator[Waiting]:
    for pod in pods:
        spec = pod.get("spec", {})
        wanted = {name: amount for name, amount in _requests(spec).items() if _is_gpu(name) and amount}
        conditions = {each["type"]: each for each in pod.get("status", {}).get("conditions", ())}
        reason = conditions.get("PodScheduled", {}).get("reason", "")
        # One with a gate waits for whoever opens it, and not for a GPU.
        if spec.get("nodeName") or not wanted or reason == "SchedulingGated":
            continue
        name = next(iter(wanted))
        model = _model(name, spec.get("nodeSelector", {}).get(_PRODUCT, ""))
        since = datetime.fromisoformat(pod["metadata"]["creationTimestamp"].replace("Z", "+00:00")).astimezone(UTC)
        yield Waiting(since, round(sum(wanted.values())), None if model == UNNAMED else model, reason)


def quantity(text: str) -> float:
    """Return a quantity of Kubernetes as a number; 0 for what is none.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity

    >>> quantity("1500m"), quantity("20Gi"), quantity("2e3"), quantity("129e6")
    (1.5, 21474836480.0, 2000.0, 129000000.0)
    """
    match = _QUANTITY.fullmatch(str(text).strip())
    return float(match[1]) * _TIMES[match[2] or ""] if match else 0.0


def _whole(text: str | None) -> int | None:
    return None if text is None else int(quantity(text))


def _mebibytes(text: str | None) -> int | None:
    return None if text is None else int(quantity(text) / 2**20)
