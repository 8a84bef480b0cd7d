"""Who passes the gate of deploy/tpv/nebulab.yml, and what the others are told: TPV itself decides."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.stack import ENVIRONMENTS, ROOT

pytestmark = pytest.mark.system

RULES, POOLS = (ROOT / "deploy" / "tpv" / name for name in ("nebulab.yml", "pools.example.yml"))
LAB, JOB = "interactive_tool_ml_jupyter_notebook", "run_jupyter_job"
SHED = "toolshed.g2.bx.psu.edu/repos/owner/{0}/{0}/1.0.0"
PORTAL = "https://gpu.galaxyproject.example.org"
INFO_SIZE = 255
"""Galaxy keeps so many characters of a dataset's information, the only place where the user finds a refusal."""

# What an administrator writes beside our file.
OWN = f"""
global:
  context:
    nebulab_portal_url: {PORTAL}/
    nebulab_contact: gpu@galaxyproject.example.org
tools:
  ".*my_gpu_tool.*":
    inherits: "^(?:.*/)?(?:interactive_tool_ml_jupyter_notebook|run_jupyter_job)(?:/[^/]+)?$"
destinations:
  gpus:
    runner: local
    params:
      docker_run_extra_arguments: --shm-size {{nebulab_shm_size_mb}}m --time {{nebulab_timelimit_minutes}}
"""
JOB_CONF = """
runners:
  local: {load: 'galaxy.jobs.runners.local:LocalJobRunner', workers: 1}
execution:
  default: tpv_dispatcher
  environments:
    tpv_dispatcher: {runner: dynamic_tpv, tpv_config_files: []}
"""


@dataclass
class Case:
    """A user who runs a tool."""

    tool: str = LAB
    roles: list[str] = field(default_factory=list)
    groups: list[tuple[str, bool]] = field(default_factory=list)
    email: str | None = None
    anonymous: bool = False
    old_id: str | None = None
    asks: dict[str, int] = field(default_factory=dict)


VALID, EXPIRED = "gpu_access_validated", "gpu_access_expired"
CASES = {
    "anonymous": Case(anonymous=True),
    "never applied": Case(roles=["something else"]),
    "approved": Case(roles=[VALID]),
    "approved through a group": Case(groups=[(VALID, False)]),
    "expired": Case(groups=[(EXPIRED, False)]),
    "administrator": Case(email="admin@example.org"),
    "never applied, as a job": Case(tool=JOB),
    "approved, as a job": Case(tool=JOB, roles=[VALID]),
    "another tool": Case(tool="cat1"),
    "another tool, anonymous": Case(tool="cat1", anonymous=True),
    "never applied, tool shed": Case(tool=SHED.format(JOB), old_id=JOB),
    "never applied, a tool of one's own": Case(tool="my_gpu_tool"),
    "a tool of a like name": Case(tool=f"my_{JOB}"),
    "renewed": Case(roles=[VALID, EXPIRED]),
    "approved through a group that was deleted": Case(groups=[(VALID, True)]),
    "its own role, and a deleted group's": Case(roles=[VALID], groups=[("x", True)]),
    "approved, with more GPUs": Case(roles=["gpu_access_more", VALID]),
    "what the tool asks for": Case(
        tool=JOB, roles=[VALID], asks={"shm_size": 8 << 30, "gpu_memory_min": 12000, "timelimit": 3601}
    ),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What TPV says of our file and of each case; one process, since TPV imports Galaxy."""
    folder = tmp_path_factory.mktemp("tpv")
    (folder / "own.yml").write_text(OWN)
    (folder / "job_conf.yml").write_text(JOB_CONF)
    # What lint has mypy check, without reading all of Galaxy for it, which takes a minute.
    (folder / "mypy.ini").write_text("[mypy]\nfollow_imports = skip\nignore_missing_imports = True\n")
    script = ROOT / "tests" / "support" / "gate_decisions.py"
    given = [{name: value for name, value in vars(case).items() if value} for case in CASES.values()]
    ran = subprocess.run(
        [ENVIRONMENTS / "galaxy" / "bin" / "python", "-P", script, "job_conf.yml", RULES, POOLS, "own.yml"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


@pytest.fixture(scope="module")
def decisions(told: dict[str, Any]) -> dict[str, Any]:
    """Each case's destination, or refusal."""
    return dict(zip(CASES, told["decisions"], strict=True))


def test_lint_is_clean(told: dict[str, Any]) -> None:
    ours, with_pools = told["lint"].values()
    assert ours == []
    # TPV's linter does not know the options of TPV's stores.
    assert [found for found in with_pools if "resource_pool_store.url" not in found] == []


PASS = (
    *("approved", "approved through a group", "administrator", "approved, as a job", "another tool"),
    *("another tool, anonymous", "a tool of a like name", "renewed", "its own role, and a deleted group's"),
)


@pytest.mark.parametrize("name", PASS)
def test_who_passes(decisions: dict[str, Any], name: str) -> None:
    assert (decisions[name]["refused"], decisions[name]["id"]) == ("", "gpus")
    assert "gpus: MATCHED" in decisions[name]["explained"]


@pytest.mark.parametrize(
    ("name", "why", "tool"),
    [
        ("anonymous", "needs an account", LAB),
        ("never applied", "no GPU access yet", LAB),
        ("expired", "has ended", LAB),
        ("never applied, as a job", "no GPU access yet", JOB),
        ("never applied, tool shed", "no GPU access yet", JOB),
        ("never applied, a tool of one's own", "no GPU access yet", "my_gpu_tool"),
        ("approved through a group that was deleted", "no GPU access yet", LAB),
    ],
)
def test_who_is_refused_learns_why_and_where_to_go(decisions: dict[str, Any], name: str, why: str, tool: str) -> None:
    text = decisions[name]["refused"]
    assert why in text
    assert f" {PORTAL}/apply?tool={tool} " in text
    assert text.endswith("gpu@galaxyproject.example.org")
    assert "\n" not in text
    assert len(text) <= INFO_SIZE
    assert "-> MATCHED" in decisions[name]["explained"]


def test_a_destination_gets_what_the_tool_asks_for(decisions: dict[str, Any]) -> None:
    asked = decisions["what the tool asks for"]
    assert asked["params"] == {
        "docker_run_extra_arguments": "--shm-size 8192m --time 61",
        "docker_env_NEBULAB_GPU_MEMORY_MB": "12000",
        "singularity_env_NEBULAB_GPU_MEMORY_MB": "12000",
    }
    assert asked["env"] == [{"name": "NEBULAB_GPU_MEMORY_MB", "value": "12000"}]
    asked = decisions["approved"]
    assert asked["params"] == {"docker_run_extra_arguments": "--shm-size 0m --time 0"}
    assert asked["env"] == []


@pytest.mark.parametrize(
    ("name", "pool"),
    [
        ("approved", "gpus=1.0\n        budget:  cores=None, mem=None, gpus=1"),
        ("approved, with more GPUs", "gpus=1.0\n        budget:  cores=None, mem=None, gpus=4"),
        ("another tool", "No resource pools govern this job"),
    ],
)
def test_gpus_at_once_are_counted_by_tpv(decisions: dict[str, Any], name: str, pool: str) -> None:
    assert pool in decisions[name]["explained"]
