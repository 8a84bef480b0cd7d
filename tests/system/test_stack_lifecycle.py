"""One command starts a Galaxy, keeps it running, and leaves nothing behind, whatever is killed.

The tests of this file are one story on one data folder: every start of Galaxy takes most of a minute.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from nebulab.contract import LAB_TOOL
from nebulab.stack.running import processes
from support.galaxy import GalaxyUser, wait_for
from support.stack import ENVIRONMENTS, ROOT, SANDBOXED, Stack

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of this file's own, not started."""
    stack = Stack(tmp_path_factory.mktemp("lifecycle") / "data")
    yield stack
    stack.nebulab("down", check=False)


@pytest.fixture(scope="module")
def first_start(own: Stack) -> str:
    """What the first `up --detach` prints."""
    return own.nebulab("up", "--detach").stdout


def _state(own: Stack) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((own.data_dir / "run" / "state.json").read_text())
    return read


def _processes(own: Stack) -> list[psutil.Process]:
    """All processes of the stack: those that carry its id, and its supervisor with its guard."""
    state = _state(own)
    found = processes.carrying(state["stack_id"])
    with contextlib.suppress(psutil.NoSuchProcess):
        supervisor = psutil.Process(state["supervisor"])
        if supervisor.create_time() == pytest.approx(state["started"], abs=1):
            found += [supervisor, *supervisor.children(recursive=True)]
    return _alive(found)


def _alive(found: list[psutil.Process]) -> list[psutil.Process]:
    """Return those that still run: one that only waits to be reaped is over, however slow this machine's init is."""
    alive = []
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
    return alive


def _parts(own: Stack) -> list[dict[str, Any]]:
    """Return what `status` tells of the parts, also when it exits with 3 since not all of them run."""
    parts: list[dict[str, Any]] = json.loads(own.nebulab("status", "--json", check=False).stdout)["parts"]
    return parts


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/api/version", timeout=10).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _restarted(own: Stack, name: str, killed: int) -> dict[str, Any] | None:
    parts: list[dict[str, Any]] = _state(own)["parts"]
    part = next(part for part in parts if part["name"] == name)
    return part if part["state"] == "running" and part["pid"] not in {None, killed} else None


def _session(own: Stack) -> tuple[dict[str, Any], dict[str, Any]]:
    kept = json.loads((own.data_dir / "secrets.json").read_text())
    user = GalaxyUser(own.part("galaxy")["address"], kept["user"]["key"])
    return user.start_session(user.new_history("lifecycle"))


def _notebook_states(own: Stack) -> list[str]:
    """Return the states of all sessions' notebooks, from Galaxy's database, since Galaxy is down."""
    with contextlib.closing(sqlite3.connect(own.data_dir / "galaxy" / "universe.sqlite")) as database:
        query = (
            "SELECT dataset.state FROM dataset JOIN history_dataset_association AS hda ON hda.dataset_id = dataset.id "
            "JOIN job_to_output_dataset AS output ON output.dataset_id = hda.id WHERE output.name = 'jupyter_notebook'"
        )
        return [state for (state,) in database.execute(query)]


def test_the_first_start_prints_addresses_that_answer_and_passwords_that_work(own: Stack, first_start: str) -> None:
    galaxy, proxy, _ = re.findall(r"http://localhost:\d+", first_start)
    assert _answers(galaxy)
    assert httpx.get(f"{proxy}/lab", headers={"Host": "a-b.ep.interactivetool.localhost"}).status_code == 404
    printed = re.search(r"User\s+(\S+)\s+password (\S+)", first_start)
    assert printed is not None, first_start
    email, password = printed.groups()
    with httpx.Client(base_url=galaxy, follow_redirects=True) as browser:
        browser.get("/")
        token = browser.get("/context").json()["session_csrf_token"]
        browser.post("/user/login", json={"login": email, "password": password, "session_csrf_token": token})
        assert browser.get("/api/users/current").json()["email"] == email


def test_a_second_start_says_that_it_runs_and_tells_no_password(own: Stack, first_start: str) -> None:
    # Without a gate no start waits for it.
    wait_for("the portal", lambda: _restarted(own, "portal", 0), 60)
    before = _state(own)
    said = own.nebulab("up", "--detach").stdout
    assert "already" in said
    assert "password" not in said
    assert _state(own) == before


def test_galaxy_describes_its_api_when_it_is_asked(own: Stack, first_start: str) -> None:
    galaxy = re.findall(r"http://localhost:\d+", first_start)[0]
    described = httpx.get(f"{galaxy}/openapi.json", timeout=240).raise_for_status().json()
    # One of its own, and one from before FastAPI.
    assert {"/api/histories/{history_id}/contents", "/api/tools/fetch"} <= described["paths"].keys()
    assert "HDADetailed" in described["components"]["schemas"]


def test_status_names_every_part(own: Stack, first_start: str) -> None:
    parts = {part["name"]: part for part in own.status()["parts"]}
    assert set(parts) == {"galaxy", "proxy", "portal", "worker", "supervisor"}
    assert all(part["state"] == "running" and psutil.pid_exists(part["pid"]) for part in parts.values())
    assert parts["galaxy"]["address"] in first_start
    assert own.nebulab("logs", "galaxy", "-n", "3").stdout.count("\n") == 3


def test_only_this_machine_can_connect(own: Stack, first_start: str) -> None:
    listening = [
        connection.laddr.ip
        for process in _processes(own)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 2
    assert set(listening) == {"127.0.0.1"}


def test_secrets_are_the_owners_alone(own: Stack, first_start: str) -> None:
    kept = json.loads((own.data_dir / "secrets.json").read_text())
    secrets = [kept["admin"]["key"], kept["user"]["key"], kept["admin"]["password"], kept["user"]["password"]]
    secrets += [kept["bootstrap_key"], kept["id_secret"]]
    assert stat.S_IMODE(own.data_dir.stat().st_mode) == 0o700
    for folder in ("", "config", "run", "logs"):
        for path in (own.data_dir / folder).iterdir():
            if path.is_file() and any(secret in path.read_text(errors="replace") for secret in secrets):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for log in (own.data_dir / "logs").iterdir():
        assert not any(secret in log.read_text(errors="replace") for secret in secrets), log
    for process in _processes(own):
        assert not any(secret in argument for secret in secrets for argument in process.cmdline())


def test_new_datasets_are_private(own: Stack, first_start: str) -> None:
    kept = json.loads((own.data_dir / "secrets.json").read_text())
    user = GalaxyUser(own.part("galaxy")["address"], kept["user"]["key"])
    dataset = user.upload(user.new_history("private"), "a\tb\n1\t2\n", "table.tsv", "tabular")
    shown = user.get(f"datasets/{dataset['id']}", view="detailed")
    assert [role[0] for role in shown["permissions"]["access"]], "a private dataset has an access role"


def test_a_killed_proxy_comes_back(own: Stack, first_start: str) -> None:
    killed = own.part("proxy")["pid"]
    own.kill("proxy")
    part = wait_for("the proxy", lambda: _restarted(own, "proxy", killed), 30)
    assert part["restarts"] == 1
    assert httpx.get(f"{part['address']}/lab").status_code == 404
    assert "SIGKILL" in own.nebulab("logs", "supervisor").stdout


def test_a_killed_galaxy_comes_back(own: Stack, first_start: str) -> None:
    killed = own.part("galaxy")["pid"]
    own.kill("galaxy")
    wait_for("the crash to be seen", lambda: {"restarting"} & {part["state"] for part in _parts(own)}, 10)
    part = wait_for("Galaxy", lambda: _restarted(own, "galaxy", killed), 420)
    assert _answers(part["address"])


def test_down_collects_a_running_session_and_leaves_no_process(own: Stack, first_start: str) -> None:
    _session(own)
    assert len(_processes(own)) > 4
    before = _processes(own)
    own.nebulab("down")
    assert not _alive(before)
    assert _processes(own) == []
    assert _notebook_states(own) == ["ok"]
    assert [part["state"] for part in _parts(own)] == ["stopped"] * 5


def test_a_later_start_may_have_a_gate(own: Stack, first_start: str) -> None:
    """Who was given no access is refused and led to the portal, which knows who is logged in to Galaxy."""
    stamp = ENVIRONMENTS / "galaxy" / "nebulab-stamp.json"
    installed = stamp.stat().st_mtime_ns
    said = own.nebulab("up", "--detach", "--require-access").stdout
    assert stamp.stat().st_mtime_ns == installed, "a later start installs nothing"
    assert "password" not in said
    galaxy, _, portal = addresses = re.findall(r"http://localhost:\d+", said)
    assert addresses == re.findall(r"http://localhost:\d+", first_start)
    assert httpx.get(f"{portal}/health").json()["ok"] is True
    assert stat.S_IMODE((own.data_dir / "run" / "portal-key").stat().st_mode) == 0o600
    kept = json.loads((own.data_dir / "secrets.json").read_text())
    user = GalaxyUser(galaxy, kept["user"]["key"])
    refused = user.run_tool(user.new_history("refused"), LAB_TOOL, {"mode|mode_select": "scratch"})
    assert user.wait_job(refused["jobs"][0]["id"])["state"] == "error"
    told = user.dataset(user.output(refused, "jupyter_notebook")["id"])["misc_info"]
    assert told.startswith("You have no GPU access yet")
    assert f"{portal}/apply?tool={LAB_TOOL} " in told
    assert told.endswith(kept["admin"]["email"])
    with httpx.Client(follow_redirects=True) as browser:
        browser.get(galaxy)
        given = {"session_csrf_token": browser.get(f"{galaxy}/context").json()["session_csrf_token"]}
        given |= {"login": kept["user"]["email"], "password": kept["user"]["password"]}
        browser.post(f"{galaxy}/user/login", json=given)
        assert kept["user"]["email"] in browser.get(f"{portal}/apply", params={"tool": LAB_TOOL}).text
    with httpx.Client(base_url=f"{galaxy}/api", headers={"x-api-key": kept["admin"]["key"]}) as admin:
        roles = {role["name"]: role["id"] for role in admin.get("/roles").json()}
        name = "gpu_access_validated"
        role = roles.get(name) or admin.post("/roles", json={"name": name, "description": name}).json()["id"]
        (group,) = admin.post("/groups", json={"name": "lifecycle", "role_ids": [role]}).json()
        admin.put(f"/groups/{group['id']}/users/{user.get('users/current')['id']}").raise_for_status()
    _, entry_point = user.start_session(user.new_history("admitted"))
    user.stop_session(entry_point["id"])


def test_a_killed_supervisor_leaves_nothing_and_is_told(own: Stack, first_start: str) -> None:
    own.nebulab("up", "--detach")
    before = _processes(own)
    own.kill("supervisor")
    wait_for("the processes to end", lambda: not _alive(before), 40)
    assert {part["state"] for part in _parts(own)} == {"gone"}
    assert own.nebulab("status", check=False).returncode == 3


def test_ctrl_c_in_the_foreground_leaves_nothing(own: Stack, first_start: str) -> None:
    own.nebulab("down", check=False)
    foreground = subprocess.Popen(
        [str(ROOT / "nebulab"), "up", "--data-dir", str(own.data_dir), *SANDBOXED],
        env=own.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_for("the stack", lambda: _state(own)["supervisor"] == foreground.pid and _state(own)["ready"], 420)
        before = _processes(own)
        started = time.monotonic()
        foreground.send_signal(signal.SIGINT)
        said, _ = foreground.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(foreground.pid, signal.SIGTERM)
    assert foreground.returncode == 0, said
    assert "http://localhost:" in said
    assert "Traceback" not in said
    assert time.monotonic() - started < 30
    assert not _alive(before)
