"""What a Kubernetes cluster tells of its GPUs, in the objects of its API, through a real kubectl."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from nebulab.pool import kubernetes
from nebulab.pool.pool import Gpus, Waiting
from support.parts import require

GPU = "nvidia.com/gpu"
A100 = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB", "nvidia.com/gpu.memory": "40960"}


def node(name: str, labels: dict[str, str], ready: str = "True", **resources: str) -> dict[str, Any]:
    held = {"cpu": "28", "memory": "92274688Ki", "ephemeral-storage": "250Gi"} | resources
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {},
        "status": {
            "capacity": held,
            "allocatable": dict(held),
            "conditions": [{"type": "Ready", "status": ready, "reason": "Kubelet", "message": f"ready is {ready}"}],
        },
    }


def pod(name: str, on: str = "", gpus: str = "", resource: str = GPU, **spec: Any) -> dict[str, Any]:
    limits = {"cpu": "3500m", "memory": "20Gi"} | ({resource: gpus} if gpus else {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "creationTimestamp": "2026-11-29T10:00:00Z"},
        "spec": {"containers": [{"name": "main", "resources": {"limits": limits}}], "nodeName": on} | spec,
        "status": {
            "phase": "Running" if on else "Pending",
            "conditions": [] if on else [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
        },
    }


def test_gpus_are_held_by_pods_and_waited_for() -> None:
    nodes = [node("gpu1", A100, **{GPU: "4"}), node("cpu1", {})]
    pods = [
        pod("one", "gpu1", "1"),
        pod("two", "gpu1", "2"),
        pod("web", "cpu1"),
        pod("waits", gpus="2", nodeSelector={"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB"}),
        pod("any", gpus="1"),
        pod("none"),
    ]
    pool = kubernetes.told(nodes, pods)
    assert pool.models() == (Gpus("NVIDIA A100-SXM4-40GB", 4, busy=3, memory_mb=40_960),)
    since = datetime(2026, 11, 29, 10, tzinfo=UTC)
    assert pool.waiting == (
        Waiting(since, 2, "NVIDIA A100-SXM4-40GB", "Unschedulable"),
        Waiting(since, 1, None, "Unschedulable"),
    )
    first = pool.nodes[0]
    assert (first.cpus, first.cpus_busy, first.memory_mb, first.memory_busy_mb) == (28, 7, 90_112, 40_960)
    assert first.disk_mb == 256_000


def test_slices_are_devices_of_their_own() -> None:
    labels = A100 | {"nvidia.com/mig-1g.5gb.memory": "4864"}
    machine = node("gpu1", labels, **{GPU: "1", "nvidia.com/mig-1g.5gb": "7"})
    pool = kubernetes.told([machine], [pod("one", "gpu1", "3", resource="nvidia.com/mig-1g.5gb")])
    assert pool.models() == (
        Gpus("1g.5gb", 7, busy=3, memory_mb=4864),
        Gpus("NVIDIA A100-SXM4-40GB", 1, busy=0, memory_mb=40_960),
    )


def test_what_is_broken_cordoned_or_silent_is_down() -> None:
    broken = node("gpu1", A100, **{GPU: "4"})
    broken["status"]["allocatable"]["nvidia.com/gpu"] = "3"
    cordoned = node("gpu2", A100, **{GPU: "2"})
    cordoned["spec"]["unschedulable"] = True
    silent = node("gpu3", A100, ready="Unknown", **{GPU: "1"})
    pool = kubernetes.told([broken, cordoned, silent], [pod("one", "gpu2", "1")])
    assert pool.models() == (Gpus("NVIDIA A100-SXM4-40GB", 7, busy=1, down=3, memory_mb=40_960),)
    assert [(each.up, each.reason) for each in pool.nodes] == [
        (True, ""), (False, "cordoned"), (False, "ready is Unknown"),
    ]  # fmt: skip


def test_a_pod_holds_its_containers_or_its_largest_init_container() -> None:
    gpu = {"resources": {"limits": {"nvidia.com/gpu": "1"}}}
    before = [{"resources": {"limits": {"nvidia.com/gpu": "3"}}}, gpu | {"restartPolicy": "Always"}]
    nodes = [node("gpu1", A100, **{GPU: "8"})]
    shared = pod("one", "gpu1", containers=[gpu, gpu], initContainers=before)
    assert kubernetes.told(nodes, [shared]).models()[0].busy == 3
    more = pod("two", "gpu1", containers=[gpu, gpu, gpu], initContainers=before)
    assert kubernetes.told(nodes, [more]).models()[0].busy == 4


def test_a_pod_behind_a_gate_waits_for_no_gpu() -> None:
    gated = pod("gated", gpus="1")
    gated["status"]["conditions"][0]["reason"] = "SchedulingGated"
    assert kubernetes.told([node("gpu1", {})], [gated]).waiting == ()


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("250m", 0.25), ("1.5", 1.5), ("16Ki", 16_384), ("2M", 2e6), ("1e3", 1000), ("3E", 3e18), ("many", 0)],
)
def test_quantities(text: str, number: float) -> None:
    assert kubernetes.quantity(text) == number


# --- through kubectl ------------------------------------------------------------------------------------------------


class Cluster(ThreadingHTTPServer):
    """The few addresses of a cluster's API that `kubectl get` asks."""

    def __init__(self, objects: dict[str, list[dict[str, Any]]]) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.objects = objects
        self.asked: list[tuple[str, dict[str, list[str]]]] = []


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Cluster)
        url = urlsplit(self.path)
        self.server.asked.append((url.path, parse_qs(url.query)))
        kind = url.path.rpartition("/")[2]
        answer: dict[str, Any] = {"kind": "Status", "code": 404, "status": "Failure", "message": "forbidden here"}
        if url.path == "/api":
            answer = {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        elif url.path == "/apis":
            answer = {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}
        elif url.path == "/api/v1":
            resources = [
                {
                    "name": "nodes",
                    "singularName": "node",
                    "namespaced": False,
                    "kind": "Node",
                    "verbs": ["get", "list"],
                },
                {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"]},
            ]
            answer = {"kind": "APIResourceList", "groupVersion": "v1", "resources": resources}
        elif kind in self.server.objects:
            items = self.server.objects[kind]
            answer = {"kind": f"{kind[:-1].title()}List", "apiVersion": "v1", "metadata": {}, "items": items}
        body = json.dumps(answer).encode()
        self.send_response(404 if "code" in answer else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    require("kubectl")
    server = Cluster({"nodes": [node("gpu1", A100, **{GPU: "2"})], "pods": [pod("one", "gpu1", "1")]})
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "config").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    # Where it keeps what it was told before.
    monkeypatch.setenv("HOME", str(tmp_path))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_kubectl_is_asked_for_nodes_and_what_has_not_ended(cluster: Cluster) -> None:
    pool = kubernetes.read(selector="gpu=yes")
    assert pool.troubles == ()
    assert [(gpus.model, gpus.total, gpus.free) for gpus in pool.models()] == [("NVIDIA A100-SXM4-40GB", 2, 1)]
    asked = dict(cluster.asked)
    assert asked["/api/v1/nodes"]["labelSelector"] == ["gpu=yes"]
    assert asked["/api/v1/pods"]["fieldSelector"] == ["status.phase!=Succeeded,status.phase!=Failed"]


def test_what_kubectl_says_against_it_is_told(cluster: Cluster) -> None:
    cluster.objects = {"nodes": []}
    assert kubernetes.read(selector="gpu=no").troubles == ("Kubernetes: no node has the label 'gpu=no'",)
    cluster.objects = {"nodes": [node("gpu1", A100)]}
    (trouble,) = kubernetes.read().troubles
    assert trouble.startswith("Kubernetes: kubectl failed: ")
    assert "forbidden here" in trouble or "NotFound" in trouble


def test_a_cluster_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert kubernetes.read().troubles == ("Kubernetes: the command kubectl is not on this machine",)
