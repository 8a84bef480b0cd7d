"""The destination of sessions in containers: Galaxy's own docker support, with every wall; runs on one machine.

The volumes and the user of each job come from the rule in `deploy/galaxy/`, which runs in Galaxy.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nebulab import contract
from nebulab.containers.engine import Engine
from nebulab.containers.walls import HOME, authorities, hardening, limits
from nebulab.stack.isolation import Isolation
from nebulab.stack.settings import StackSettings

LABEL = "org.nebulab.stack"
_OF_THIS_MACHINE = frozenset(
    {"PATH", contract.KERNELS, contract.HIDE, contract.SHOW, contract.ISOLATION, contract.STACK}
)
RULES = "nebulab_job_rules"
"""The package of ours that Galaxy imports."""
# Galaxy starts jobs with next to nothing of its own environment; the engine's client needs these.
_ENGINE_VARIABLES = (
    *("CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "CONTAINER_HOST", "XDG_RUNTIME_DIR"),
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"),
)
_STOP_SECONDS = 10


def environments(
    settings: StackSettings,
    isolation: Isolation,
    name: str,
    local: Mapping[str, Any],
    variables: Mapping[str, str],
) -> dict[str, dict[str, Any]]:
    """Return the two destinations (`environments` in Galaxy's job_conf.yml) that take the place of `name`.

    One is the rule, under that name; the other, `counted(name)`, is completed by the rule for each job.

    Parameters
    ----------
    local
        The destination without a container.
    variables
        A session's environment variables there; those that name paths of this machine are left out.
    """
    cores = int(local["local_slots"])
    memory_mb = int(variables["GALAXY_MEMORY_MB"])
    inside = {key: value for key, value in variables.items() if key not in _OF_THIS_MACHINE}
    inside |= {
        "GALAXY_SLOTS": str(cores),
        "HOME": HOME,
        contract.GALAXY_SOCKET: f"{contract.DOOR_FOLDER}/{contract.DOOR_GALAXY}",
        # Where engine.sh puts it.
        contract.KEY_FILE: contract.KEY_FILE_NAME,
        # Galaxy would name this machine's.
        **dict.fromkeys(("TMPDIR", "TMP", "TEMP"), "/tmp"),  # noqa: S108 - the container's own
    }
    options = [
        *hardening(memory_mb),
        *limits(memory_mb=memory_mb, cpus=cores, processes=settings.session_processes),
        *("--label", f"{LABEL}={settings.data_dir}"),
        *("--volume", f"{settings.door_dir}:{contract.DOOR_FOLDER}:ro"),
        *authorities(os.environ),
    ]
    network, on_this_machine = _network(settings, isolation)
    container = {
        "runner": "local",
        "local_slots": cores,
        "live_tool_output_reporting": "true",
        "docker_enabled": True,
        "docker_container_id_override": isolation.image,
        "docker_cmd": isolation.engine,
        "docker_sudo": False,
        **network,
        "docker_run_extra_arguments": shlex.join(options),
        **{f"docker_env_{key}": value for key, value in inside.items()},
        "env": [*_engine_variables(), *on_this_machine, {"file": str(rules_folder(settings) / "engine.sh")}],
    }
    rule = {
        "runner": "dynamic",
        "type": "python",
        "rules_module": RULES,
        "function": "in_container",
        "container_environment": counted(name),
    }
    return {name: rule, counted(name): container}


def _network(settings: StackSettings, isolation: Isolation) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the destination's parameters of the network, and environment variables of the job's script."""
    # Without it the port would be open on all addresses of the machine. Where there is no network, engine.sh makes a
    # ticket of it.
    port = {"docker_host_port_cmd": "echo 127.0.0.1:"}
    if isolation.network == "open":
        monitor = settings.environment("galaxy") / "bin" / "galaxy-container-monitor"
        return {"docker_net": "bridge", **port, "container_monitor_command": str(monitor)}, []
    inside = {
        contract.DOOR: f"{contract.DOOR_FOLDER}/{contract.DOOR_ENTRANCE}",
        contract.EGRESS: f"{contract.DOOR_FOLDER}/{contract.DOOR_EGRESS}",
        # Where engine.sh puts it.
        contract.TICKET_FILE: contract.TICKET_FILE_NAME,
    }
    return (
        # The door tells Galaxy the port, which Galaxy's own monitor would ask the engine for.
        {"docker_net": "none", **port, "container_monitor": False}
        | {f"docker_env_{key}": value for key, value in inside.items()},
        [{"name": contract.TICKETS, "value": str(settings.tickets_dir)}],
    )


def rules_folder(settings: StackSettings) -> Path:
    """Return the folder of our code that runs in Galaxy: the rules, and the script around the engine."""
    return settings.checkout / "deploy" / "galaxy"


def counted(name: str) -> str:
    """Return the destination in which jobs of `name` run, and against whose limit they are counted."""
    return f"{name}-container"


def remove(settings: StackSettings, isolation: Isolation) -> int:
    """Stop and remove the containers that a stack left behind, and return their number.

    Their sessions get time to save their work.
    """
    engine = Engine(isolation.engine)
    found = (engine.ask("ps", "--all", "--quiet", "--filter", f"label={LABEL}={settings.data_dir}") or "").split()
    if found:
        engine.ask("stop", "--time", str(_STOP_SECONDS), *found, seconds=_STOP_SECONDS * (len(found) + 1))
        engine.ask("rm", "--force", *found)
    return len(found)


def _engine_variables() -> list[dict[str, Any]]:
    names = [name for name in _ENGINE_VARIABLES if name in os.environ]
    return [{"name": name, "value": shlex.quote(os.environ[name]), "raw": True} for name in names]
