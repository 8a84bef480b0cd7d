"""Root starts a stack on an ordinary user's data folder: Galaxy, its sessions and jobs are that user's, and no file is
root's.

The tests of this file are one story on one data folder: every start of Galaxy takes most of a minute.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from nebulab.stack.running import processes
from support.galaxy import GalaxyUser, wait_for
from support.parts import require
from support.session import Session
from support.stack import ENVIRONMENTS, ROOT, SANDBOXED, Account, Stack

pytestmark = pytest.mark.system

PROBE = """
import json, os
def is_refused(call, *arguments):
    try:
        call(*arguments)
    except PermissionError:
        return True
    return False
print(json.dumps({
    "uid": os.getuid(), "refused": is_refused(open, "/etc/shadow"), "there": os.path.getsize("/etc/shadow") > 0,
}))
"""


@dataclass
class Owned:
    """A stack of `person`'s, an ordinary user of this machine, below `top`."""

    stack: Stack
    person: pwd.struct_passwd
    top: Path
    said: str = ""

    @property
    def processes(self) -> list[psutil.Process]:
        """The supervisor, its guard, and all that carries the stack's id."""
        state = json.loads((self.stack.data_dir / "run" / "state.json").read_text())
        supervisor = psutil.Process(state["supervisor"])
        return [supervisor, *supervisor.children(recursive=True), *processes.carrying(state["stack_id"])]

    @property
    def strange(self) -> list[str]:
        """What lies in the person's folder, and is not the person's."""
        found = []
        for folder, folders, files in os.walk(self.top):
            for path in (Path(folder), *(Path(folder, name) for name in (*folders, *files))):
                with contextlib.suppress(FileNotFoundError):  # Galaxy tidies up
                    if path.lstat().st_uid != self.person.pw_uid:
                        found.append(str(path))
        return found

    @property
    def galaxy(self) -> GalaxyUser:
        kept = json.loads((self.stack.data_dir / "secrets.json").read_text())
        self.stack.url = self.stack.part("galaxy")["address"]
        self.stack.proxy_url = self.stack.part("proxy")["address"]
        self.stack.user = Account(**{field: kept["user"][field] for field in ("email", "password", "key")})
        return GalaxyUser(self.stack.url, self.stack.user.key, self.stack.data_dir / "logs" / "galaxy.log")


def _require_reachable(person: pwd.struct_passwd) -> None:
    """Skip where this person may not run the Python of this checkout, or its environments."""
    pythons = [Path(sys.executable), *(ENVIRONMENTS / name / "bin" / "python" for name in ("galaxy", "lab", "kernels"))]
    for python in (python for python in pythons if os.path.lexists(python)):
        tried = subprocess.run(["runuser", "-u", person.pw_name, "--", python, "-c", ""], cwd="/", capture_output=True)
        if tried.returncode:
            pytest.skip(f"{python} (it leads to {python.resolve()}) is closed to ordinary users")


@pytest.fixture(scope="module")
def owned() -> Iterator[Owned]:
    """A new user of this machine, and a stack in a folder of theirs, started by root."""
    if os.geteuid() != 0:
        pytest.skip("only root becomes another user")
    if missing := [program for program in ("useradd", "userdel", "runuser") if shutil.which(program) is None]:
        pytest.skip(f"no {', '.join(missing)} on this machine")
    require("sandbox")
    name = f"nebulab-{secrets.token_hex(4)}"
    # Not pytest's folder: nobody but root may look into that one.
    above = Path(tempfile.mkdtemp(prefix="nebulab-ordinary-"))
    above.chmod(0o755)
    top = above / "person"
    subprocess.run(
        ["useradd", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/sh", name], check=True
    )
    stack = Stack(top / "data")
    try:
        person = pwd.getpwnam(name)
        _require_reachable(person)
        top.mkdir()
        os.chown(top, person.pw_uid, person.pw_gid)
        yield Owned(stack, person, top, stack.nebulab("up", "--detach").stdout)
    finally:
        stack.nebulab("down", check=False)
        subprocess.run(["userdel", name], check=True)
        shutil.rmtree(above)


@pytest.fixture(scope="module")
def session(owned: Owned) -> Session:
    galaxy = owned.galaxy
    _, point = galaxy.start_session(galaxy.new_history("ordinary"))
    return Session(owned.stack, point["target"])


def test_galaxy_and_a_session_are_the_users_processes(owned: Owned, session: Session) -> None:
    assert f"Galaxy and sessions run as {owned.person.pw_name}" in owned.said
    # The file is there to see: it is the user's lack of rights that protects it, no wall.
    assert json.loads(session.run(PROBE)) == {"uid": owned.person.pw_uid, "refused": True, "there": True}
    running = owned.processes
    assert {process.uids() for process in running} == {(owned.person.pw_uid,) * 3}
    commands = "\n".join(" ".join(process.cmdline()) for process in running)
    assert all(part in commands for part in ("galaxy/web.py", "nebulab_worker", "proxy.server", "bwrap", "jupyter"))
    groups = {tuple(os.getgrouplist(owned.person.pw_name, owned.person.pw_gid))}
    assert {_groups(process.pid) for process in running} == groups


def _groups(pid: int) -> tuple[int, ...]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return tuple(int(number) for line in lines if line.startswith("Groups:") for number in line.split()[1:])


def test_a_training_is_the_users(owned: Owned) -> None:
    galaxy = owned.galaxy
    history = galaxy.new_history("training")
    script = galaxy.upload(history, "import os\nwho = os.getuid()\nprint('it is user', who)\n", "who.py", "txt")
    answer = galaxy.run_tool(history, "run_jupyter_job", {"select_file": {"src": "hda", "id": script["id"]}})
    galaxy.succeed(answer["jobs"][0]["id"])
    log = galaxy.get(f"jobs/{answer['jobs'][0]['id']}", full=True)
    assert f"it is user {owned.person.pw_uid}" in log["tool_stdout"] + log["tool_stderr"], log
    assert owned.strange == []


def test_roots_commands_leave_no_file_of_roots(owned: Owned, session: Session, tmp_path: Path) -> None:
    assert owned.stack.status()["sessions"]
    assert owned.stack.nebulab("logs", "-n", "1").stdout
    assert "already" in owned.stack.nebulab("up", "--detach").stdout
    checks = json.loads(owned.stack.nebulab("doctor", "--json", check=False).stdout)
    told = next(check["found"] for check in checks if check["name"] == "system user")
    assert told == f"Galaxy and sessions run as {owned.person.pw_name}"
    owned.stack.nebulab("backup", str(tmp_path / "kept.tar"))
    assert owned.strange == []
    again = Stack(owned.top / "again")
    again.nebulab("restore", str(tmp_path / "kept.tar"))
    assert (again.data_dir / "secrets.json").is_file()
    assert owned.strange == []


def test_a_killed_supervisor_leaves_nothing_and_root_starts_it_again(owned: Owned) -> None:
    before = owned.processes
    owned.stack.kill("supervisor")
    wait_for("the processes to end", lambda: not any(map(processes.is_running, before)), 40)
    assert {part["state"] for part in _parts(owned)} == {"gone"}
    # In the foreground, where the process itself becomes the user.
    foreground = subprocess.Popen(
        [str(ROOT / "nebulab"), "up", "--data-dir", str(owned.stack.data_dir), *SANDBOXED],
        env=owned.stack.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for("the stack", lambda: owned.stack.nebulab("status", "--json", check=False).returncode == 0, 60)
    wait_for("Galaxy", lambda: {part["state"] for part in _parts(owned)} == {"running"}, 240)
    before = owned.processes
    assert foreground.pid in {process.pid for process in before}
    assert {process.uids() for process in before} == {(owned.person.pw_uid,) * 3}
    owned.stack.nebulab("down")
    assert foreground.wait(30) == 0
    assert not any(map(processes.is_running, before))
    assert not [process for process in psutil.process_iter(["uids"]) if _is(process, owned.person.pw_uid)]
    assert owned.strange == []


def _parts(owned: Owned) -> list[dict[str, str]]:
    parts: list[dict[str, str]] = json.loads(owned.stack.nebulab("status", "--json", check=False).stdout)["parts"]
    return parts


def _is(process: psutil.Process, uid: int) -> bool:
    return process.info["uids"] is not None and process.info["uids"].real == uid and processes.is_running(process)
