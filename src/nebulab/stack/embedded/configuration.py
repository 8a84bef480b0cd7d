"""Galaxy's configuration: galaxy.yml, job_conf.yml, tool_conf.xml; written on one machine, at every start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psutil
import yaml

from nebulab import contract
from nebulab.accelerators import asking
from nebulab.errors import SettingsError
from nebulab.files import private_folder, write_private
from nebulab.stack.embedded import container_jobs, gate, tools, worker
from nebulab.stack.embedded.accounts import Secrets
from nebulab.stack.isolation import Isolation
from nebulab.stack.proxy import sessions_map
from nebulab.stack.settings import StackSettings

_SHARE_OF_MACHINE = 0.8
"""The largest share of the machine's memory, and of its disk, for one session: a small machine has less than asked."""
_SESSION_GPU_MEMORY_MB = 15 * 1024
# A session holds its worker as long as it is open, so there must be more of them than people open sessions.
_FURTHER_WORKERS = 8
_PASSED_ON = ("ALPHAFOLD_DB", "SSL_CERT_FILE")
"""Variables of `up` that jobs get too: the folder of a server's weights, and the authorities that a proxy needs."""
# Upload tools have slots of their own, so that long trainings don't delay uploads.
_UPLOAD_TOOLS = ("__DATA_FETCH__", "upload1")
# Destinations of users' programs, in containers too; Galaxy's own tools use no GPU.
_WITH_GPUS = ("sessions", "programs")
# Galaxy's own tools that are offered: uploads, tables, and for workflows one dataset of a collection; paths below the
# wheel's folder of bundled tools.
_BUNDLED = {
    "Get data": ("data_source/upload.xml",),
    "Tables and text": (
        "stats/filtering.xml",
        "filters/cutWrapper.xml",
        "filters/catWrapper.xml",
        "filters/headWrapper.xml",
        "filters/sorter.xml",
        "filters/joiner.xml",
    ),
    "Collections": ("../extract_dataset.xml",),
}


def write(
    settings: StackSettings,
    secrets: Secrets,
    isolation: Isolation,
    ports: Mapping[str, int],
    *,
    stack_id: str,
    limits: tools.Limits,
) -> Path:
    """Write all configuration files and return the path of galaxy.yml; every job carries `stack_id`.

    `ports` has those of Galaxy, the proxy and the portal; `limits` is what one session gets.

    Raises
    ------
    SettingsError
        A tool or a list of tools is no well-formed XML.
    """
    for folder in (settings.config_dir, settings.galaxy_dir, settings.logs_dir, settings.bin_dir):
        private_folder(folder)
    _link_programs(settings, isolation)
    worker.write(settings)
    # Galaxy makes it when a first session tells its address, and fails a job whose session has ended before that.
    sessions_map.create(settings.sessions_map)
    address = f"http://localhost:{ports['portal']}"
    portal = address if gate.is_on(settings) else ""
    ours = [path for path in sorted(tools.lay_out(settings, limits, portal).glob("*.xml")) if _xml(path).tag == "tool"]
    lists = [settings.config_dir / "tool_conf.xml", *settings.tool_confs]
    _write_tool_conf(lists[0], settings.environment("galaxy"), ours)
    interactive = [_xml(path).get("id", "") for path in ours + _listed_tools(settings) if _is_interactive(path)]
    # Galaxy starts jobs without its own environment, and they outlive it: `down` finds them by the stack's id.
    told = {contract.STACK: stack_id, contract.PORTAL: address}
    jobs = _job_configuration(settings, isolation, limits, interactive, told)
    if portal:
        _put_behind_gate(jobs, settings, secrets, portal)
    write_private(settings.config_dir / "job_conf.yml", yaml.safe_dump(jobs, sort_keys=False))
    galaxy = _galaxy_configuration(settings, secrets, lists, ports, gate.first_page(settings, portal))
    path = settings.config_dir / "galaxy.yml"
    write_private(path, yaml.safe_dump({"galaxy": galaxy}, sort_keys=False))
    return path


def _galaxy_configuration(
    settings: StackSettings, secrets: Secrets, tool_confs: list[Path], ports: Mapping[str, int], first_page: Path
) -> dict[str, Any]:
    data = settings.galaxy_dir
    return {
        "data_dir": str(data),
        "config_dir": str(settings.config_dir),
        "managed_config_dir": str(data / "config"),
        "database_connection": settings.database_url,
        "brand": "Nebulab",
        "static_welcome_html": str(first_page),
        "admin_users": secrets.admin.email,
        "bootstrap_admin_api_key": secrets.bootstrap_key,
        "id_secret": secrets.id_secret,
        # With these two only users whose account the administrator made can run anything here.
        "require_login": True,
        "allow_local_account_creation": False,
        # `down` ends every user's sessions as that user would.
        "api_allow_run_as": secrets.admin.email,
        # Galaxy's own default lets every user read every dataset.
        "new_user_dataset_access_role_default_private": True,
        # None is set, but an administrator may set one.
        "enable_quotas": True,
        "tool_path": str(tools.folder(settings)),
        "tool_config_file": ",".join(str(path) for path in tool_confs),
        "watch_tools": "auto",
        "job_config_file": str(settings.config_dir / "job_conf.yml"),
        "watch_job_rules": "auto",
        "conda_auto_init": False,
        "dependency_resolvers_config_file": "none",
        # It would fetch a program to build containers with, at every start.
        "enable_mulled_containers": False,
        "enable_celery_tasks": False,
        "galaxy_infrastructure_url": f"http://localhost:{ports['galaxy']}",
        "interactivetools_enable": True,
        # Sessions are opened at the proxy itself, not through Galaxy.
        "interactivetools_upstream_proxy": False,
        "interactivetools_proxy_host": f"localhost:{ports['proxy']}",
        "interactivetools_map": str(settings.sessions_map),
        "outputs_to_working_directory": True,
        # Galaxy would refuse a notebook or a page with an interactive plot when it is uploaded, though not when a tool
        # makes it; it shows neither with its scripts.
        "check_upload_content": False,
        # A session takes 10,000 outputs; the notebooks that were edited come on top.
        "max_discovered_files": 11_000,
        # What a failed job left behind may be somebody's work.
        "cleanup_job": "onsuccess",
        # Galaxy's page and the Lab's panel are told what changes, in place of asking every few seconds.
        "enable_sse_updates": True,
        # Seconds between two looks for jobs that are new, or whose inputs have become ready; the default is 1.
        "job_handler_monitor_sleep": 0.25,
    }


def one_session(settings: StackSettings) -> tools.Limits:
    """Return what one session gets: what was asked for, and no more than a part of the machine; NVML is asked."""
    memory_mb = int(psutil.virtual_memory().total * _SHARE_OF_MACHINE) // 2**20
    seen = asking.ask().seen()
    return tools.Limits(
        cores=min(settings.session_cores, os.cpu_count() or 1),
        memory_mb=min(settings.session_memory_mb, memory_mb),
        gpus="" if seen.serious else seen.look.names,
        idle_minutes=settings.idle_minutes,
    )


def in_words(settings: StackSettings, limits: tools.Limits) -> str:
    """Return what one session gets, as the portal's page of resources takes it."""
    parts = [
        f"{limits.cores} processor cores",
        f"{limits.memory_mb / 1024:.0f} GB memory",
        f"{_disk_mb(settings) / 1024:.0f} GB disk",
    ]
    if limits.gpus:
        parts += ["1 GPU", f"{_SESSION_GPU_MEMORY_MB / 1024:.0f} GB GPU memory"]
    return ", ".join(parts)


def _disk_mb(settings: StackSettings) -> int:
    return min(
        settings.session_disk_mb, int(psutil.disk_usage(str(settings.data_dir)).total * _SHARE_OF_MACHINE) // 2**20
    )


def _job_configuration(
    settings: StackSettings,
    isolation: Isolation,
    limits: tools.Limits,
    interactive: list[str],
    told: Mapping[str, str],
) -> dict[str, Any]:
    variables = {
        "PATH": f"{settings.bin_dir}:$PATH",
        contract.KERNELS: str(settings.environment("kernels")),
        contract.ISOLATION: isolation.kind,
        contract.IDLE_MINUTES: str(settings.idle_minutes),
        contract.HIDE: str(settings.data_dir),
        contract.SHOW: ":".join(map(str, settings.show)),
        contract.CLONE_SCHEMES: settings.clone_schemes,
        "GALAXY_MEMORY_MB": str(limits.memory_mb),
        contract.DISK_MB: str(_disk_mb(settings)),
        contract.GPU_MEMORY_MB: str(_SESSION_GPU_MEMORY_MB),
        **told,
    }
    destination: dict[str, Any] = {
        "runner": "local",
        "local_slots": limits.cores,
        "live_tool_output_reporting": "true",
        "env": [
            *({"name": name, "value": value} for name, value in variables.items()),
            *({"name": name, "value": value} for name in _PASSED_ON if (value := os.environ.get(name))),
            {"file": str(container_jobs.rules_folder(settings) / "ending.sh")},
        ],
    }
    job = destination | {"local_slots": 1}
    at_once = max(2, os.cpu_count() or 1)
    environments: dict[str, Any] = {"jobs": job, "programs": job, "uploads": job, "sessions": destination}
    at_most = {"jobs": at_once, "programs": at_once, "uploads": at_once, "sessions": settings.max_sessions}
    destinations = dict.fromkeys(interactive, "sessions") | dict.fromkeys(_UPLOAD_TOOLS, "uploads")
    # Trainings last, and Galaxy's own tools, which take a second, don't wait for them.
    destinations[contract.JOB_TOOL] = "programs"
    if isolation.kind == "container":
        # Galaxy's own tools need no container; users' programs do.
        for name, local in (("sessions", destination), ("programs", job)):
            environments |= container_jobs.environments(settings, isolation, name, local, variables)
            at_most[container_jobs.counted(name)] = at_most.pop(name)
    if limits.gpus:
        for name, environment in environments.items():
            if name.startswith(_WITH_GPUS):
                environments[name] = environment | {"metrics": [{"type": "core"}, {"type": "gpu"}]}
    workers = settings.max_sessions + _FURTHER_WORKERS
    return {
        "runners": {"local": {"load": "galaxy.jobs.runners.local:LocalJobRunner", "workers": workers}},
        # One query for a look at what is new, in place of two. `mem-self` would need none, and notes no handler: what
        # then runs or waits when Galaxy is killed stays so for ever.
        "handling": {"assign": ["db-self"]},
        "execution": {"default": "jobs", "environments": environments},
        "limits": [
            {"type": "environment_total_concurrent_jobs", "id": name, "value": value} for name, value in at_most.items()
        ],
        "tools": [{"id": tool, "environment": environment} for tool, environment in destinations.items()],
    }


def _put_behind_gate(jobs: dict[str, Any], settings: StackSettings, secrets: Secrets, portal: str) -> None:
    """Have TPV asked first for each of our tools, which then go where they go without a gate."""
    gated = {tool["id"]: tool for tool in jobs["tools"] if tool["id"] in gate.TOOLS}
    gate.write(settings, secrets, portal, {name: tool["environment"] for name, tool in gated.items()})
    jobs["execution"]["environments"][gate.ENVIRONMENT] = gate.destination(settings)
    for tool in gated.values():
        tool["environment"] = gate.ENVIRONMENT


def _write_tool_conf(path: Path, galaxy: Path, ours: list[Path]) -> None:
    toolbox = ElementTree.Element("toolbox")
    bundled = next(galaxy.glob("lib/python*/site-packages/galaxy/tools/bundled"))
    sections = {name: [bundled / file for file in files] for name, files in _BUNDLED.items()}
    for name, files in (sections | {"Machine learning": ours}).items():
        section = ElementTree.SubElement(toolbox, "section", id=name.lower().replace(" ", "_"), name=name)
        for file in files:
            ElementTree.SubElement(section, "tool", file=str(file))
    ElementTree.indent(toolbox)
    write_private(path, ElementTree.tostring(toolbox, encoding="unicode"))


def _listed_tools(settings: StackSettings) -> list[Path]:
    """Return the tools of the user's own lists; paths are relative to the list's `tool_path`, else to the list.

    Galaxy calls the list's own folder `${tool_conf_dir}`.
    """
    found = []
    for listing in settings.tool_confs:
        root = _xml(listing)
        below, *files = (
            given.replace("${tool_conf_dir}", str(listing.parent))
            for given in (root.get("tool_path", ""), *(tool.get("file", "") for tool in root.iter("tool")))
        )
        found += [listing.parent / below / file for file in files]
    return [path for path in found if path.is_file()]


def _is_interactive(path: Path) -> bool:
    return _xml(path).get("tool_type") == "interactive"


def _xml(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()  # noqa: S314 - the administrator's own files
    except ElementTree.ParseError as error:
        raise SettingsError(f"{path} is no well-formed XML: {error}.", "Mend the file, then start again.") from error


def _link_programs(settings: StackSettings, isolation: Isolation) -> None:
    """Link the programs that jobs call into one folder, which comes first on their PATH."""
    programs = {"nebulab": settings.environment("lab") / "bin" / "nebulab"}
    if isolation.program is not None:
        programs["bwrap"] = isolation.program
    for name in ("nebulab", "bwrap"):
        (settings.bin_dir / name).unlink(missing_ok=True)
    for name, target in programs.items():
        (settings.bin_dir / name).symlink_to(target)
