"""Sessions of the real Galaxy in sealed containers: `nebulab up --isolation container`, every wall, every way through
the door, every ordinary end."""

from __future__ import annotations

import json
import pwd
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from nebulab.stack.embedded.container_jobs import LABEL
from support.containers import podman
from support.galaxy import GalaxyUser, wait_for
from support.layers import index_hosts
from support.session import Session, run_in_kernel
from support.stack import Stack

pytestmark = pytest.mark.system

TABLE = "one\ttwo\n1\t2\n"
NOT_MINE = "another dataset of the same history\n"
METADATA_SERVICE = "169.254.169.254"


@dataclass
class Contained:
    """A stack whose sessions run in containers, a history with two datasets, and a session that got one of them."""

    stack: Stack
    galaxy: GalaxyUser
    history: str
    table: dict[str, Any]
    answer: dict[str, Any]
    point: dict[str, Any]
    session: Session

    @property
    def job(self) -> str:
        return str(self.answer["jobs"][0]["id"])

    def ask(self, code: str) -> Any:
        """Run code in a new kernel of the session; it prints JSON."""
        return json.loads(self.session.run(f"import json, os\n{code}"))


def _start(
    stack: Stack, galaxy: GalaxyUser, history: str, table: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], Session]:
    chosen = {
        "user_inputs_0|input_name": "table",
        "user_inputs_0|input_type|input_type_selector": "dataset",
        "user_inputs_0|input_type|input_value": {"src": "hda", "id": table["id"]},
    }
    answer, point = galaxy.start_session(history, **chosen)
    session = Session(stack, point["target"])
    # Galaxy knows the port before JupyterLab answers there.
    with session.owner() as owner:
        wait_for("JupyterLab", lambda: owner.get("/api/status").status_code == 200, 30)
    return answer, point, session


@pytest.fixture(scope="module")
def contained(lab_image: str, new_stack: Callable[..., Stack]) -> Iterator[Contained]:
    # Where a mirror stands in for the index of packages, its address may be a private one.
    allowed = [option for host in index_hosts() for option in ("--allow", host)]
    stack = new_stack("--isolation", "container", "--image", lab_image, *allowed)
    galaxy = GalaxyUser(stack.url, stack.user.key)
    history = galaxy.new_history("container")
    table = galaxy.upload(history, TABLE, "mine", "tabular")
    galaxy.upload(history, NOT_MINE, "not mine", "txt")
    yield Contained(stack, galaxy, history, table, *_start(stack, galaxy, history, table))


def _left(stack: Stack) -> list[str]:
    """The containers of the stack's sessions, also ended ones."""
    return podman("ps", "--all", "--quiet", "--filter", f"label={LABEL}={stack.data_dir}").split()


def _ports(stack: Stack) -> list[int]:
    """The ports of this machine that lead to the stack's sessions, as the door told Galaxy."""
    reports = [json.loads(path.read_text()) for path in stack.data_dir.rglob("container_runtime.json")]
    assert all(report["8888"]["host"] == "127.0.0.1" for report in reports)
    return [report["8888"]["port"] for report in reports]


def test_up_says_what_sessions_run_in(contained: Contained, lab_image: str) -> None:
    isolation = contained.stack.status()["isolation"]
    assert isolation.startswith(f"container ({lab_image}, podman)")
    assert "network sealed" in isolation
    assert len(_left(contained.stack)) == 1


def test_its_user_enters_and_nobody_else(contained: Contained) -> None:
    with contained.session.owner() as owner, contained.session.stranger() as stranger:
        assert owner.get("/lab").status_code == 200
        assert stranger.get("/lab").status_code == 403
        assert stranger.get("/api/kernels").status_code == 403
    assert podman("port", *_left(contained.stack)) == ""
    (port,) = _ports(contained.stack)
    open_ones = [one for one in psutil.net_connections("tcp") if one.status == "LISTEN"]
    listening = [one.laddr.ip for one in open_ones if one.laddr and one.laddr.port == port]
    assert listening == ["127.0.0.1"]


def test_the_input_and_the_history_are_there(contained: Contained) -> None:
    said = contained.ask(
        'print(json.dumps([open(GALAXY_INPUTS["table"][0]["path"]).read(), history["not mine"].read()]))'
    )
    assert said == [TABLE, NOT_MINE]


def test_it_has_no_rights(contained: Contained) -> None:
    said = contained.ask(
        """
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
written = []
for place in ("/", "/usr", "/opt/nebulab", "/etc", "/run/nebulab", os.path.expanduser("~"), "/tmp"):
    try:
        open(f"{place}/made", "w").close()
        written.append(place)
    except OSError:
        pass
mounts = [line.split() for line in open("/proc/mounts")]
root = next(mount[3].split(",")[0] for mount in mounts if mount[1] == "/")
print(json.dumps([os.getuid(), os.getgid(), status, root, written, os.path.expanduser("~")]))
"""
    )
    user, group, status, root, written, home = said
    assert user == group != 0
    with pytest.raises(KeyError):
        pwd.getpwuid(user)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    assert root == "ro"
    assert written == [home, "/tmp"]


def test_it_sees_its_own_job_and_inputs_alone(contained: Contained) -> None:
    """Every file of the stack's folder that is there inside is the job's own, or the input."""
    data = contained.stack.data_dir
    seen = contained.ask(
        f"print(json.dumps([os.path.join(folder, name) for folder, _, names in os.walk({str(data)!r})"
        " for name in names]))"
    )
    job = next(Path(file).parent for file in seen if file.endswith("/tool_script.sh"))
    foreign = [file for file in seen if not file.startswith(f"{job}/")]
    assert [Path(file).read_text() for file in foreign] == [TABLE]
    below = {Path(file).relative_to(job).parts[0] for file in seen if file not in foreign}
    assert below == {"tool_script.sh", "working", "outputs"}
    on_the_machine = [
        data / "secrets.json",
        data / "config" / "galaxy.yml",
        data / "galaxy" / "universe.sqlite",
        next(job.glob("galaxy_*.sh")),
        next(job.glob("tool_env_*")),
        next(path for path in (data / "galaxy" / "objects").rglob("*.dat") if path.read_text() == NOT_MINE),
    ]
    assert all(path.is_file() for path in on_the_machine)
    there = contained.ask(f"print(json.dumps([os.path.exists(path) for path in {list(map(str, on_the_machine))}]))")
    assert not any(there)


def test_the_users_key_is_nowhere(contained: Contained) -> None:
    key = contained.stack.user.key
    found = contained.ask(
        f"""
import glob, pathlib
found, readable = [], 0
for path in [*glob.glob("/proc/[0-9]*/environ"), *glob.glob("/proc/[0-9]*/cmdline"),
             *(str(path) for path in pathlib.Path("..").rglob("*") if path.is_file())]:
    try:
        content = open(path, "rb").read()
    except OSError:
        continue
    readable += 1
    # Not in one piece, or this cell would find itself.
    if ({key[:10]!r} + {key[10:]!r}).encode() in content:
        found.append(path)
print(json.dumps([readable, found]))
"""
    )
    assert found[0] > 10
    assert found[1] == []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert key.encode() not in line.read_bytes(), line
        except (FileNotFoundError, ProcessLookupError):
            continue
    assert key not in podman("inspect", *_left(contained.stack))


@dataclass
class Reach:
    """What a notebook got when it tried to reach something: directly, and by the proxy that it has."""

    directly: str
    by_proxy: str

    @property
    def nothing(self) -> bool:
        return self.directly == "ENETUNREACH" and self.by_proxy.startswith("403 ")


@pytest.fixture(scope="module")
def reach(contained: Contained) -> dict[str, Reach]:
    """Everything of the machine that a notebook could want to reach; another session runs meanwhile."""
    (own,) = _ports(contained.stack)
    answer, _, _ = _start(contained.stack, contained.galaxy, contained.history, contained.table)
    (neighbour,) = set(_ports(contained.stack)) - {own}
    machine = next(
        one.address
        for name, addresses in psutil.net_if_addrs().items()
        for one in addresses
        if one.family == socket.AF_INET and name != "lo"
    )
    proxy = httpx.URL(contained.stack.part("proxy")["address"]).port
    with socket.create_server(("", 0)) as everywhere:
        port = everywhere.getsockname()[1]
        targets = {
            "another session": ("127.0.0.1", neighbour),
            "another session by the machine's address": (machine, neighbour),
            "the proxy": ("127.0.0.1", proxy),
            "the proxy by its name": ("localhost", proxy),
            "what listens everywhere": (machine, port),
            "what listens everywhere, written otherwise": (f"::ffff:{machine}", port),
            "the engine's gateway": ("10.88.0.1", port),
            "the metadata service": (METADATA_SERVICE, 80),
        }
        said = contained.ask(
            f"""
import errno, http.client, socket, urllib.parse
proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
def directly(host, port):
    try:
        socket.create_connection((host, port), timeout=10).close()
        return "reached"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
def by_proxy(host, port):
    connection = http.client.HTTPConnection(proxy.hostname, proxy.port, timeout=30)
    name = f"[{{host}}]" if ":" in host else host
    connection.putrequest("CONNECT", f"{{name}}:{{port}}")
    connection.endheaders()
    answer = connection.getresponse()
    return f"{{answer.status}} {{answer.reason}}"
print(json.dumps({{name: [directly(*target), by_proxy(*target)] for name, target in {targets!r}.items()}}))
"""
        )
        everywhere.settimeout(0.1)
        with pytest.raises(TimeoutError):
            everywhere.accept()
    contained.galaxy.gi.jobs.cancel_job(answer["jobs"][0]["id"])
    wait_for("the other container's end", lambda: len(_left(contained.stack)) == 1, 30)
    return {name: Reach(*found) for name, found in said.items()}


def test_another_session_is_out_of_reach(reach: dict[str, Reach]) -> None:
    assert reach["another session by the machine's address"].nothing
    # Its own loopback, where nobody listens on that port.
    assert reach["another session"].directly == "ECONNREFUSED"
    assert reach["another session"].by_proxy.startswith("403 ")


def test_the_stacks_other_ports_are_out_of_reach(reach: dict[str, Reach]) -> None:
    for name in ("the proxy", "the proxy by its name"):
        assert reach[name].directly == "ECONNREFUSED"
        assert reach[name].by_proxy.startswith("403 ")


def test_what_listens_on_all_of_the_machines_addresses_is_out_of_reach(reach: dict[str, Reach]) -> None:
    assert reach["what listens everywhere"].nothing
    assert reach["what listens everywhere, written otherwise"].nothing


def test_the_engines_bridge_is_out_of_reach(reach: dict[str, Reach]) -> None:
    assert reach["the engine's gateway"].nothing


def test_a_metadata_service_is_out_of_reach(reach: dict[str, Reach]) -> None:
    assert reach["the metadata service"].nothing
    assert "metadata" in reach["the metadata service"].by_proxy


def test_it_has_no_network_but_its_loopback_and_reaches_galaxy(contained: Contained) -> None:
    galaxy = httpx.URL(contained.stack.part("galaxy")["address"]).port
    interfaces, routes, answered = contained.ask(
        f"""
import socket
routes = open("/proc/net/route").read().splitlines()[1:]
socket.create_connection(("127.0.0.1", {galaxy}), timeout=10).close()
print(json.dumps([[name for _, name in socket.if_nameindex()], routes, history["not mine"].read()]))
"""
    )
    assert interfaces == ["lo"]
    assert routes == []
    assert answered == NOT_MINE


def test_a_notebook_can_open_no_port_by_the_door(contained: Contained) -> None:
    said, left = contained.ask(
        """
import pathlib, socket
with socket.socket(socket.AF_UNIX) as door:
    door.connect(os.environ.get("NEBULAB_DOOR", "/run/nebulab/door"))
    door.sendall(json.dumps({"ticket": "0" * 64}).encode() + b"\\n")
    said = json.loads(door.makefile().readline())
print(json.dumps([said, [str(path) for path in pathlib.Path("..").rglob("nebulab-*")]]))
"""
    )
    assert "refused" in said
    assert left == []


def test_packages_come_by_the_way_out(contained: Contained) -> None:
    installed = contained.ask(
        """
import subprocess
done = subprocess.run(["uv", "pip", "install", "--no-cache", "iniconfig"], capture_output=True, text=True)
import iniconfig
print(json.dumps([done.returncode, iniconfig.__file__, done.stderr]))
"""
    )
    assert installed[0] == 0, installed[2]
    assert "/session/overlay/" in installed[1]


def test_a_door_that_died_is_opened_again_for_the_same_sessions(contained: Contained) -> None:
    before = _ports(contained.stack)
    contained.stack.kill("door")
    wait_for("the door's restart", lambda: contained.stack.part("door")["restarts"] == 1, 60)

    def answers() -> bool:
        with contained.session.owner() as owner:
            return owner.get("/api/status").status_code == 200

    wait_for("the session's way in", answers, 60)
    assert _ports(contained.stack) == before
    assert contained.ask("print(json.dumps(6 * 7))") == 42


def test_a_flood_of_processes_ends_at_the_limit_and_the_lab_goes_on(contained: Contained) -> None:
    started = contained.ask(
        """
import subprocess
started = []
try:
    while len(started) < 1000:
        started.append(subprocess.Popen(["sleep", "60"]))
except OSError:
    pass
count = len(started)
for process in started:
    process.kill()
for process in started:
    process.wait()
print(json.dumps(count))
"""
    )
    assert 50 < started < 512
    assert contained.ask("print(json.dumps(6 * 7))") == 42


def test_the_engine_holds_the_limits(contained: Contained) -> None:
    (shown,) = json.loads(podman("inspect", *_left(contained.stack)))
    limits = shown["HostConfig"]
    told = contained.ask("print(json.dumps(int(os.environ['GALAXY_MEMORY_MB'])))")
    assert limits["Memory"] == told * 2**20
    assert limits["PidsLimit"] == 512
    assert limits["ShmSize"] == 2**30
    assert limits["NanoCpus"] or limits["CpuQuota"]


def test_stopped_in_galaxy_its_outputs_are_in_the_history(contained: Contained) -> None:
    contained.session.run("open('outputs/made.csv', 'w').write('a,b\\n1,2\\n')")
    galaxy_json = next(Path(path) for path in contained.stack.data_dir.rglob("working/galaxy.json"))
    wait_for("the mirror", lambda: "made" in galaxy_json.read_text(), 30)
    contained.galaxy.stop_session(contained.point["id"])
    contained.galaxy.succeed(contained.job)
    notebook = contained.galaxy.wait_dataset(contained.galaxy.output(contained.answer, "jupyter_notebook")["id"])
    assert notebook["state"] == "ok"
    (made,) = contained.galaxy.elements(contained.answer).values()
    assert contained.galaxy.content(made["id"]) == b"a,b\n1,2\n"
    wait_for("the container's end", lambda: not _left(contained.stack), 15)


def test_shut_down_in_the_lab_its_outputs_are_in_the_history(contained: Contained) -> None:
    answer, _, session = _start(contained.stack, contained.galaxy, contained.history, contained.table)
    with session.owner() as owner:
        run_in_kernel(owner, "open('outputs/kept.txt', 'w').write('kept')")
        owner.post("/api/shutdown").raise_for_status()
    contained.galaxy.succeed(answer["jobs"][0]["id"])
    (kept,) = contained.galaxy.elements(answer).values()
    assert contained.galaxy.content(kept["id"]) == b"kept"
    wait_for("the container's end", lambda: not _left(contained.stack), 15)


def test_a_notebook_as_a_job_runs_in_a_container_too(contained: Contained) -> None:
    code = (
        "import os, socket\nprint(os.getuid(), os.path.exists('/opt/nebulab'), len(socket.if_nameindex()), "
        "os.environ['HTTPS_PROXY'].startswith('http://127.0.0.1:'), open('in.tsv').read())"
    )
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "source": code,
        "outputs": [],
        "execution_count": None,
    }
    notebook = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
    program = contained.galaxy.upload(contained.history, notebook, "program.ipynb", "ipynb")
    asked = {
        "select_file": {"src": "hda", "id": program["id"]},
        "ml_h5_dataset_paths": "in.tsv",
        "ml_h5_datasets": {"src": "hda", "id": contained.table["id"]},
    }
    answer = contained.galaxy.run_tool(contained.history, "run_jupyter_job", asked)
    contained.galaxy.succeed(answer["jobs"][0]["id"])
    executed = contained.galaxy.notebook(contained.galaxy.output(answer, "executed_notebook")["id"])
    user, *inside, read = "".join(executed["cells"][0]["outputs"][0]["text"]).split(" ", 4)
    assert int(user) != 0
    # In the image, without a network, and with the way out.
    assert inside == ["True", "1", "True"]
    assert read.startswith(TABLE)
    wait_for("the container's end", lambda: not _left(contained.stack), 15)


def test_a_deleted_job_leaves_no_container(contained: Contained) -> None:
    answer, _, _ = _start(contained.stack, contained.galaxy, contained.history, contained.table)
    job = answer["jobs"][0]["id"]
    contained.galaxy.gi.jobs.cancel_job(job)
    wait_for("the container's end", lambda: not _left(contained.stack), 15)
    assert contained.galaxy.wait_job(job)["state"] == "deleted"


def test_when_galaxy_dies_the_session_brings_its_work_home(contained: Contained) -> None:
    """Through the socket, which outlives Galaxy's restart."""
    history = contained.galaxy.new_history("lost")
    _, _, session = _start(contained.stack, contained.galaxy, history, contained.table)
    session.run("open('outputs/made.txt', 'w').write('recovered')")
    contained.stack.kill("galaxy")

    def recovered() -> dict[str, Any] | None:
        try:
            contents = contained.galaxy.gi.histories.show_history(history, contents=True)
        except Exception:  # noqa: BLE001 - Galaxy is just starting
            return None
        found = [one for one in contents if one["name"].startswith("Recovered")]
        return found[0] if found and found[0]["populated_state"] == "ok" else None

    shown = contained.galaxy.get(f"dataset_collections/{wait_for('the recovery', recovered, 120, 2)['id']}")
    (made,) = shown["elements"]
    contained.galaxy.wait_dataset(made["object"]["id"])
    assert contained.galaxy.content(made["object"]["id"]) == b"recovered"
    wait_for("the container's end", lambda: not _left(contained.stack), 30)


def test_no_container_outlives_the_stack(contained: Contained) -> None:
    """The last test: it takes the stack down with a session open."""
    _start(contained.stack, contained.galaxy, contained.history, contained.table)
    assert len(_left(contained.stack)) == 1
    contained.stack.nebulab("down")
    assert _left(contained.stack) == []
