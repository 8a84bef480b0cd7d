"""Sessions in containers: the destination's walls, the script around the engine, and the rule that names each job's
volumes."""

from __future__ import annotations

import importlib
import json
import os
import shlex
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from nebulab.containers.walls import hardening, limits
from nebulab.door.tickets import Tickets
from nebulab.errors import SettingsError
from nebulab.stack import isolation
from nebulab.stack.embedded import accounts, configuration, container_jobs
from nebulab.stack.isolation import Isolation
from nebulab.stack.settings import StackSettings

ROOT = Path(__file__).parents[4]
PORTS = {"galaxy": 8080, "proxy": 8081, "portal": 8082}
PODMAN = Isolation("container", None, "container", "podman", "nebulab:cpu", "sealed")


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    tools = tmp_path / "checkout" / "galaxy-tools"
    tools.mkdir(parents=True)
    (tools / "ours.xml").write_text('<tool id="ours" name="x" tool_type="interactive"/>')
    bundled = tmp_path / "environments" / "galaxy" / "lib" / "python3.11" / "site-packages" / "galaxy" / "tools"
    (bundled / "bundled").mkdir(parents=True)
    return StackSettings(tmp_path / "data", tmp_path / "environments", tmp_path / "checkout", idle_minutes=7)


@pytest.fixture
def jobs(settings: StackSettings, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Galaxy's job configuration."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    limits = configuration.one_session(settings)
    configuration.write(settings, accounts.load(settings.secrets_file), PODMAN, PORTS, stack_id="5tac", limits=limits)
    written: dict[str, Any] = yaml.safe_load((settings.config_dir / "job_conf.yml").read_text())
    return written


def options(destination: dict[str, Any]) -> list[str]:
    return shlex.split(destination["docker_run_extra_arguments"])


def test_sessions_and_programs_run_in_the_image_behind_every_wall(
    jobs: dict[str, Any], settings: StackSettings
) -> None:
    environments = {tool["id"]: tool["environment"] for tool in jobs["tools"]}
    assert environments == {
        "ours": "sessions",
        "run_jupyter_job": "programs",
        "__DATA_FETCH__": "uploads",
        "upload1": "uploads",
    }
    for name in ("sessions", "programs"):
        rule = jobs["execution"]["environments"][name]
        destination = jobs["execution"]["environments"][rule["container_environment"]]
        assert rule["runner"] == "dynamic"
        assert destination["docker_container_id_override"] == "nebulab:cpu"
        assert destination["docker_host_port_cmd"] == "echo 127.0.0.1:"
        given = options(destination)
        for wanted in ("--read-only", "--cap-drop", "no-new-privileges", "--pids-limit", "--memory", "--shm-size"):
            assert wanted in given
        # Nothing of Galaxy's, but the way to it; the rule adds what is the job's own.
        mounted = [given[place + 1] for place, option in enumerate(given) if option == "--volume"]
        assert mounted == [f"{settings.data_dir}/door:/run/nebulab:ro"]
        assert "docker_volumes" not in destination
        assert "seccomp" not in " ".join(given)


def test_a_session_is_told_its_limits_and_nothing_of_this_machine(
    jobs: dict[str, Any], settings: StackSettings
) -> None:
    destination = jobs["execution"]["environments"]["sessions-container"]
    told = {name.removeprefix("docker_env_"): value for name, value in destination.items() if "docker_env_" in name}
    assert told["NEBULAB_IDLE_MINUTES"] == "7"
    assert int(told["GALAXY_MEMORY_MB"]) > 0
    assert f"{told['GALAXY_MEMORY_MB']}m" in options(destination)
    assert told["NEBULAB_GALAXY_SOCKET"] == "/run/nebulab/galaxy"
    assert not any(str(settings.data_dir) in value for value in told.values())
    assert int(told["NEBULAB_DISK_MB"]) > 0
    assert "NEBULAB_KERNELS" not in told


def test_the_limits_of_a_session_are_settings(settings: StackSettings) -> None:
    chosen = replace(settings, session_memory_mb=1024, session_cores=1, session_processes=200)
    limits = configuration.one_session(chosen)
    configuration.write(chosen, accounts.load(settings.secrets_file), PODMAN, PORTS, stack_id="5tac", limits=limits)
    jobs = yaml.safe_load((settings.config_dir / "job_conf.yml").read_text())
    given = " ".join(options(jobs["execution"]["environments"]["sessions-container"]))
    assert "--memory 1024m --cpus 1 --pids-limit 200" in given
    # Full, they leave half of the memory to the kernels.
    assert "--tmpfs /tmp:rw,exec,size=256m,mode=1777 --tmpfs /home/nebulab:rw,exec,size=256m,mode=1777" in given


def test_a_sealed_session_has_no_network_and_a_ticket(jobs: dict[str, Any], settings: StackSettings) -> None:
    for name in ("sessions", "programs"):
        destination = jobs["execution"]["environments"][f"{name}-container"]
        assert destination["docker_net"] == "none"
        assert destination["container_monitor"] is False
        assert destination["docker_env_NEBULAB_EGRESS"] == "/run/nebulab/egress"
        # On this machine alone, where the job's script leaves the ticket.
        assert {"name": "NEBULAB_TICKETS", "value": str(settings.tickets_dir)} in destination["env"]
        assert not any(str(settings.tickets_dir) in option for option in options(destination))


def test_an_open_session_is_published_and_has_no_door(settings: StackSettings) -> None:
    open_ = replace(PODMAN, network="open")
    destination = container_jobs.environments(settings, open_, "x", {"local_slots": 1}, {"GALAXY_MEMORY_MB": "100"})[
        "x-container"
    ]
    assert destination["docker_net"] == "bridge"
    assert destination["docker_host_port_cmd"] == "echo 127.0.0.1:"
    assert destination["container_monitor_command"].endswith("galaxy-container-monitor")
    assert not any("DOOR" in name or "TICKET" in name or "EGRESS" in name for name in destination)
    assert not any(entry.get("name") == "NEBULAB_TICKETS" for entry in destination["env"])


def test_what_this_machine_trusts_a_container_trusts(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "authorities.pem"
    bundle.touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    destination = container_jobs.environments(settings, PODMAN, "x", {"local_slots": 1}, {"GALAXY_MEMORY_MB": "100"})[
        "x-container"
    ]
    given = options(destination)
    (inside,) = {option.partition("=")[2] for option in given if option.startswith(("PIP_CERT=", "GIT_SSL_CAINFO="))}
    assert f"{bundle}:{inside}:ro" in given


def test_the_engine_finds_its_own_settings_in_jobs(settings: StackSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINERS_CONF", "/etc/with a space.conf")
    destination = container_jobs.environments(settings, PODMAN, "x", {"local_slots": 1}, {"GALAXY_MEMORY_MB": "100"})[
        "x-container"
    ]
    assert {"name": "CONTAINERS_CONF", "value": "'/etc/with a space.conf'", "raw": True} in destination["env"]
    assert destination["env"][-1] == {"file": str(settings.checkout / "deploy" / "galaxy" / "engine.sh")}


def test_what_runs_in_containers_is_counted_there(jobs: dict[str, Any]) -> None:
    assert {limit["id"] for limit in jobs["limits"]} == {"jobs", "uploads", "sessions-container", "programs-container"}


@pytest.mark.parametrize("name", ["a b", "a:b", "a,b", "a$b", "a'b"])
def test_a_folder_that_no_volume_can_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="data folder") as caught:
        isolation.choose("container", "any:1", tmp_path / name)
    assert "--data-dir" in caught.value.hint


PODMAN_WITH_TWO_IMAGES = """#!/bin/sh
case "$*" in
info) ;;
"inspect --type image there:1" | "inspect --type image broken:1") ;;
run*there:1) ;;
run*) echo no >&2 && exit 1 ;;
*) exit 1 ;;
esac
"""


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with a podman that has the images there:1, of which containers start, and broken:1, of which none does."""
    folder = tmp_path / "engines"
    folder.mkdir()
    (folder / "podman").write_text(PODMAN_WITH_TWO_IMAGES)
    (folder / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("nebulab.stack.isolation.candidates", list)
    return tmp_path


def test_a_container_is_the_strongest_and_taken_where_one_starts(engines: Path) -> None:
    for wanted in ("auto", "container"):
        found = isolation.choose(wanted, "there:1", engines)
        assert (found.kind, found.engine, found.image, found.network) == ("container", "podman", "there:1", "sealed")
        assert "network sealed" in found.explanation
    assert "network open" in isolation.choose("container", "there:1", engines, "open").explanation


def test_an_image_that_is_not_there_is_told(engines: Path) -> None:
    with pytest.raises(SettingsError, match="podman has no image gone:1") as caught:
        isolation.choose("container", "gone:1", engines)
    assert "nebulab image build" in caught.value.hint
    found = isolation.choose("auto", "gone:1", engines)
    assert found.kind == "none"
    assert "no image gone:1" in found.explanation


def test_an_engine_that_starts_no_container_is_not_taken(engines: Path) -> None:
    with pytest.raises(SettingsError, match="podman starts no container of broken:1: no"):
        isolation.choose("container", "broken:1", engines)
    found = isolation.choose("auto", "broken:1", engines)
    assert found.kind == "none"
    assert "broken" not in found.explanation


def test_a_folder_that_no_volume_can_name_does_without_a_container(engines: Path) -> None:
    assert isolation.choose("auto", "there:1", engines / "a b").kind == "none"


def test_the_servers_example_is_what_is_tested_here(jobs: dict[str, Any]) -> None:
    """Of what `up` writes it lacks only what belongs to this stack."""
    example = yaml.safe_load((ROOT / "deploy" / "galaxy" / "job_conf.containers.yml").read_text())["execution"]
    tested, shown = jobs["execution"]["environments"], example["environments"]
    assert shown["nebulab"] | {"container_environment": ""} == tested["sessions"] | {"container_environment": ""}
    own = {"live_tool_output_reporting", "docker_env_NEBULAB_CLONE_SCHEMES", "docker_env_NEBULAB_PORTAL"}
    shown, tested = shown["nebulab-container"], tested["sessions-container"]
    assert shown.keys() == tested.keys() - own
    of_the_door = [name for name in tested if name.startswith("docker_env_NEBULAB_") and "/run/" in str(tested[name])]
    assert {name: shown[name] for name in of_the_door} == {name: tested[name] for name in of_the_door}
    assert len(of_the_door) == 3
    assert [entry.get("name") for entry in shown["env"]] == ["NEBULAB_TICKETS", None]
    assert shown["container_monitor"] is tested["container_monitor"]
    # Galaxy's address is that of this machine's loopback here, and a name there.
    address = ["--add-host", "galaxy.example.org:127.0.0.1", "--sysctl", "net.ipv4.ip_unprivileged_port_start=0"]
    volume = ["--volume", "/run/nebulab:/run/nebulab:ro"]
    assert options(shown) == [*hardening(20480), *limits(memory_mb=20480, cpus=7), *volume, *address]


# --- the script that Galaxy's jobs source ---------------------------------------------------------------------------


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """A program `podman` on PATH that writes down what it is called with."""
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "podman"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >"$SAID"\necho "token=$JUPYTER_TOKEN" >>"$SAID"\n')
    program.chmod(0o755)
    (tmp_path / "job" / "working").mkdir(parents=True)
    return programs


def in_job(engine: Path, command: str, **variables: str) -> list[str]:
    said = engine / "said"
    subprocess.run(
        ["bash", "-c", f'. "{ROOT}/deploy/galaxy/engine.sh"; {command}; wait'],
        env={
            "PATH": f"{engine}:{os.environ['PATH']}",
            "SAID": str(said),
            "API_KEY": "s3cret",
            "JUPYTER_TOKEN": "t0ken",
            "_GALAXY_JOB_DIR": str(engine.parent / "job"),
            **variables,
        },
        check=True,
    )
    return said.read_text().splitlines()


def test_neither_key_nor_token_is_on_the_engines_command_line(engine: Path) -> None:
    command = 'podman run -e "API_KEY=$API_KEY" -e "JUPYTER_TOKEN=$JUPYTER_TOKEN" -e "A=two words" image'
    assert in_job(engine, command) == [
        *("run", "-e", "JUPYTER_TOKEN", "-e", "A=two words", "image"),
        "token=t0ken",
    ]
    key = engine.parent / "job" / "working" / "nebulab-key"
    assert key.read_text() == "s3cret"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_port_becomes_a_ticket_where_there_is_a_door(engine: Path) -> None:
    """The door finds the job by what the session is handed, and by nothing that stands in the ticket's name."""
    folder = engine.parent / "tickets"
    folder.mkdir()
    command = "podman run -e A=1 -p $(echo 127.0.0.1:):8888 --name x image"
    assert in_job(engine, command)[:-1] == ["run", "-e", "A=1", "-p", "127.0.0.1::8888", "--name", "x", "image"]
    handed = engine.parent / "job" / "working" / "nebulab-ticket"
    assert not handed.exists()
    secrets = []
    for _ in range(2):
        said = in_job(engine, command, NEBULAB_TICKETS=str(folder))
        assert said[:-1] == ["run", "-e", "A=1", "--name", "x", "image"]
        assert stat.S_IMODE(handed.stat().st_mode) == 0o600
        secrets.append(handed.read_text())
        assert Tickets(folder).find(secrets[-1]).job == engine.parent / "job"
    assert len(set(secrets)) == len(list(folder.iterdir())) == 2
    assert not any(secret in path.name for secret in secrets for path in folder.iterdir())


def test_a_program_that_nobody_opens_gets_no_ticket(engine: Path) -> None:
    folder = engine.parent / "tickets"
    folder.mkdir()
    assert in_job(engine, "podman run --name x image", NEBULAB_TICKETS=str(folder))[:-1] == [
        "run",
        "--name",
        "x",
        "image",
    ]
    assert list(folder.iterdir()) == []


def test_the_machines_proxies_stay_outside_of_sealed_containers(engine: Path) -> None:
    """podman would hand them in, with their passwords."""
    (engine / "podman").write_text('#!/bin/sh\necho "$https_proxy$HTTP_PROXY$all_proxy" >"$SAID"\n')
    proxies = {"https_proxy": "http://user:word@proxy", "HTTP_PROXY": "x", "all_proxy": "y"}
    (engine.parent / "tickets").mkdir()
    told = {"NEBULAB_TICKETS": str(engine.parent / "tickets")}
    assert in_job(engine, "podman run image", **proxies, **told) == [""]
    assert in_job(engine, "podman pull image", **proxies, **told) == ["http://user:word@proxyxy"]


def test_a_session_gets_time_to_end_where_galaxy_would_kill_it(engine: Path) -> None:
    assert in_job(engine, "podman kill some-name")[:4] == ["stop", "--time", "10", "some-name"]


def in_apptainer(engine: Path, script: str) -> list[str]:
    """Run a job's command as Galaxy writes it, with a program that is called apptainer."""
    (engine / "apptainer").write_text(f'#!/bin/sh\n{{ printf "%s\\n" "$@"; env; {script}; }} >"$SAID"\n')
    (engine / "apptainer").chmod(0o755)
    command = 'SINGULARITYENV_API_KEY="$API_KEY" SINGULARITYENV_A="1 2" apptainer -s exec image'
    return in_job(engine, f'{command}; echo "code=$?" >>"$SAID"')


def test_the_key_is_in_no_environment_that_apptainer_keeps(engine: Path) -> None:
    said = in_apptainer(engine, ":")
    assert said[:3] == ["-s", "exec", "image"]
    assert "SINGULARITYENV_A=1 2" in said
    assert "s3cret" not in "\n".join(said)
    key = engine.parent / "job" / "working" / "nebulab-key"
    assert (key.read_text(), stat.S_IMODE(key.stat().st_mode)) == ("s3cret", 0o600)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", "43210"), ("169.254.169.254", "80"), ("x", "no number")])
def test_of_what_a_session_in_apptainer_reports_the_port_alone_is_believed(engine: Path, host: str, port: str) -> None:
    job = engine.parent / "job"
    report = f'{{"8888": {{"tool_port": 8888, "host": "{host}", "port": {port}, "protocol": "tcp"}}}}'
    # As the session does it: at once, by a rename. It lives until Galaxy can have seen the report.
    write = f"echo '{report}' >{job}/new; mv {job}/new {job}/working/nebulab-port.json"
    in_apptainer(
        engine,
        f"{write}; n=0; until [ -e {job}/container_runtime.json ] || [ $n = 20 ]; do sleep 0.1; n=$((n+1)); done",
    )
    there = job / "container_runtime.json"
    if not port.isdecimal():
        assert not there.exists()
        return
    told = {"tool_port": 8888, "host": "127.0.0.1", "port": int(port), "protocol": "tcp"}
    assert json.loads(there.read_text()) == {"8888": told}


def test_an_exit_code_of_apptainers_is_the_jobs(engine: Path) -> None:
    assert in_apptainer(engine, "exit 3")[-1] == "code=3"
    assert in_apptainer(engine, ":")[-1] == "code=0"


# --- the rule, which runs in Galaxy ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rules() -> ModuleType:
    return importlib.import_module(f"{container_jobs.RULES}.containers")


class Dataset:
    """What the rule asks of one of Galaxy's datasets."""

    def __init__(self, folder: Path, name: str, *beside: str) -> None:
        self.files = [folder / name, *(folder / other for other in beside)]
        for file in self.files:
            file.write_text("")
        self.metadata: dict[str, Any] = {"columns": 3}
        if beside:
            self.metadata = {"index": SimpleNamespace(get_file_name=lambda: str(self.files[1])), "columns": 3}
        self.dataset = SimpleNamespace(id=5, uuid="uuid-5", extra_files_path_exists=lambda: False)

    def get_file_name(self) -> str:
        return str(self.files[0])


def mapped(rules: ModuleType, engine: str = "docker", led_by: Any = None, **job: Any) -> Any:
    destination = SimpleNamespace(params={f"{engine}_enabled": True}, env=[])
    if led_by is not None:
        destination.params["docker_env_OWN"] = "1"
        destination.env.append({"name": "OWN", "value": "1"})
    app = SimpleNamespace(
        job_config=SimpleNamespace(get_destination=lambda name: destination if name == "there" else None),
        object_store=SimpleNamespace(get_store_by=lambda dataset: "uuid"),
    )
    nothing = dict.fromkeys(
        ("input_datasets", "input_library_datasets", "input_dataset_collections", "input_dataset_collection_elements"),
        (),
    )
    asked = {"id": 7, "output_datasets": (), "output_library_datasets": (), **nothing, **job}
    return rules.in_container(app, SimpleNamespace(**asked), led_by or SimpleNamespace(params={}, env=[]), "there")


def volumes(destination: Any) -> list[str]:
    mounted: str = destination.params["docker_volumes"]
    return mounted.split(",")


def holding(dataset: Any) -> SimpleNamespace:
    return SimpleNamespace(dataset=dataset)


def test_what_the_gates_rules_add_reaches_the_container(rules: ModuleType) -> None:
    """The destination's own values count more, and what led to it is nothing of the container's."""
    added = {"docker_env_NEW": "2", "docker_env_OWN": "2", "function": "x"}
    led_by = SimpleNamespace(params=added, env=[{"name": name, "value": "2"} for name in ("NEW", "OWN")])
    gate = importlib.import_module(f"{container_jobs.RULES}.gate")
    found = SimpleNamespace(params={"docker_env_OWN": "1"}, env=[{"file": "engine.sh"}])
    app = SimpleNamespace(job_config=SimpleNamespace(get_destination={"sessions": found}.get))
    first = gate.behind_the_gate(app, led_by, "sessions")
    assert first.params == {"docker_env_NEW": "2", "docker_env_OWN": "1"}
    destination = mapped(rules, led_by=first)
    assert (destination.params["docker_env_NEW"], destination.params["docker_env_OWN"]) == ("2", "1")
    named = {each["name"]: each["value"] for each in destination.env if each.get("name")}
    assert named == {"NEW": "2", "OWN": "1"}
    assert first.env[0] == {"file": "engine.sh"}
    assert "function" not in destination.params


def test_the_jobs_inputs_are_there_to_be_read_and_no_folder_of_datasets(rules: ModuleType, tmp_path: Path) -> None:
    one, indexed, left, right = (
        Dataset(tmp_path, "one"),
        Dataset(tmp_path, "bam", "bai"),
        Dataset(tmp_path, "left"),
        Dataset(tmp_path, "right"),
    )
    destination = mapped(
        rules,
        input_datasets=[holding(one), holding(indexed), holding(None), holding(one)],
        input_dataset_collections=[SimpleNamespace(dataset_collection=SimpleNamespace(dataset_instances=[left]))],
        input_dataset_collection_elements=[
            SimpleNamespace(dataset_collection_element=SimpleNamespace(dataset_instances=[right]))
        ],
    )
    inputs = sorted(f"{tmp_path / name}:ro" for name in ("one", "bam", "bai", "left", "right"))
    assert volumes(destination) == ["$working_directory:rw", "$job_directory/tool_script.sh:ro", *inputs]
    assert destination.params["docker_enabled"] is True


def test_outputs_are_mounted_one_by_one(rules: ModuleType, tmp_path: Path) -> None:
    destination = mapped(rules, output_datasets=[holding(Dataset(tmp_path, "new"))])
    assert "$job_directory/outputs/dataset_uuid-5.dat:rw" in volumes(destination)
    assert not any(volume.startswith("$job_directory/outputs:") for volume in volumes(destination))


def test_an_input_without_a_file_is_left_out(rules: ModuleType, tmp_path: Path) -> None:
    deferred = Dataset(tmp_path, "deferred")
    deferred.files[0].unlink()
    assert len(volumes(mapped(rules, input_datasets=[holding(deferred)]))) == 2


def test_a_path_that_would_name_another_volume_is_refused(rules: ModuleType, tmp_path: Path) -> None:
    for name in ("a:rw", "a,b"):
        with pytest.raises(ValueError, match="can't be mounted"):
            mapped(rules, input_datasets=[holding(Dataset(tmp_path, name))])


def test_where_galaxy_is_root_each_session_is_somebody_else(
    rules: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    first, second = mapped(rules, id=7), mapped(rules, id=8)
    users = {destination.params["docker_set_user"] for destination in (first, second)}
    assert users == {"1900000007:1900000007", "1900000008:1900000008"}
    (statement,) = first.env
    assert "chown -hR 1900000007:1900000007" in statement["execute"]
    json.dumps([first.params, first.env])  # Galaxy keeps it in its database
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "docker_set_user" not in mapped(rules).params


def test_apptainer_gets_the_same_volumes_and_no_session_of_roots(
    rules: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = [holding(Dataset(tmp_path, "one"))]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    params = mapped(rules, "singularity", input_datasets=inputs).params
    assert params["singularity_volumes"] == mapped(rules, input_datasets=inputs).params["docker_volumes"]
    assert "docker_volumes" not in params
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ValueError, match="run Galaxy as another user"):
        mapped(rules, "singularity", input_datasets=inputs)


def test_the_example_for_apptainer_differs_where_it_must() -> None:
    files = ROOT / "deploy" / "galaxy"
    docker, apptainer = (
        yaml.safe_load((files / f"job_conf.{name}.yml").read_text())["execution"]["environments"]
        for name in ("containers", "apptainer")
    )
    assert {**apptainer["nebulab"], "container_environment": ""} == {**docker["nebulab"], "container_environment": ""}
    own = apptainer["nebulab-apptainer"]
    told = {name.partition("_env_")[2]: value for name, value in own.items() if "_env_" in name}
    expected = {name.partition("_env_")[2]: v for name, v in docker["nebulab-container"].items() if "_env_" in name}
    of_the_door = ("NEBULAB_DOOR", "NEBULAB_EGRESS", "NEBULAB_TICKET_FILE", "NEBULAB_GALAXY_SOCKET")
    for name in ("HOME", "TMPDIR", "TMP", "TEMP", *of_the_door):  # its own, and of a network that it has
        expected.pop(name)
    assert told == expected | {"NEBULAB_RUNTIME_REPORT": "nebulab-port.json"}
    assert own["container_monitor"] is False
    assert {"--containall", "--no-home"} <= set(own["singularity_run_extra_arguments"].split())
