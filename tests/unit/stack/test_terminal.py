"""The commands of the stack teach, and tell the truth without a stack."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from nebulab.cli import INTERNAL, cli
from nebulab.contract import STACK
from nebulab.errors import NotRunning, StackError
from nebulab.files import private_folder
from nebulab.stack import control, showing
from nebulab.stack.embedded import accounts
from nebulab.stack.running import logs, processes, state
from nebulab.stack.running.state import PartState, StackState
from nebulab.stack.settings import StackSettings, read_settings


@pytest.mark.parametrize("name", ["up", "down", "status", "logs", "doctor"])
def test_help_teaches(name: str) -> None:
    said = CliRunner().invoke(cli, [name, "--help"])
    assert said.exit_code == 0
    assert f"nebulab {name}" in said.output
    assert "Examples:" in said.output


@pytest.mark.parametrize("name", ["down", "status", "logs"])
def test_without_a_stack_the_way_to_start_one_is_told(name: str, tmp_path: Path) -> None:
    said = CliRunner().invoke(cli, [name, "--data-dir", str(tmp_path)])
    assert isinstance(said.exception, NotRunning)
    assert "nebulab up" in said.exception.hint
    assert said.exception.exit_code == 3


def test_help_names_what_people_call() -> None:
    lines = CliRunner().invoke(cli, ["--help"]).output.splitlines()
    named = {line.split()[0] for line in lines if line.startswith("  ") and line.strip()}
    assert {"up", "status", "run", "lab"} <= named
    assert named & INTERNAL == set()
    for name in INTERNAL:
        assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0


LOG = """\
INFO:     127.0.0.1:41944 - "GET /api/version HTTP/1.1" 200 OK
galaxy.jobs DEBUG job 28 started
INFO:     127.0.0.1:41944 - "GET /api/jobs/abc?full=True HTTP/1.1" 304 Not Modified
INFO:     127.0.0.1:41944 - "GET /api/jobs/abc HTTP/1.1" 500 Internal Server Error
INFO:     127.0.0.1:41944 - "POST /api/tools HTTP/1.1" 200 OK
INFO:     127.0.0.1:41944 - "GET /api/version HTTP/1.1" 200 OK
"""


def test_galaxys_log_is_without_what_asks_it_all_the_time(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "galaxy.log").write_text(LOG)
    call = ["logs", "galaxy", "--data-dir", str(tmp_path)]
    shown = CliRunner().invoke(cli, [*call, "-n", "3"]).output
    assert [line.split(" - ")[-1] for line in shown.splitlines()] == [
        "galaxy.jobs DEBUG job 28 started",
        '"GET /api/jobs/abc HTTP/1.1" 500 Internal Server Error',
        '"POST /api/tools HTTP/1.1" 200 OK',
    ]
    assert CliRunner().invoke(cli, [*call, "--all"]).output == LOG


def test_sessions_are_shown_with_their_people(capsys: pytest.CaptureFixture[str]) -> None:
    session = {
        "user": "a@example.org",
        "tool": "Lab",
        "state": "running",
        "started": "2026-11-29T07:00:00.5",
        "job": "j1",
    }
    showing.sessions([session])
    assert capsys.readouterr().out.split("\n")[2].split() == [
        "a@example.org",
        "running",
        "2026-11-29",
        "07:00:00",
        "j1",
    ]
    showing.sessions([])
    showing.sessions(None)
    assert capsys.readouterr().out == "sessions: none\nsessions: Galaxy does not tell at the moment\n"


def test_a_stack_without_a_galaxy_has_no_sessions_and_one_that_is_silent_tells_none(tmp_path: Path) -> None:
    settings = read_settings({"data_dir": tmp_path})
    stack = StackState("x", supervisor=1, started=0, parts=[PartState("galaxy", "gone")])
    assert control.running_sessions(settings, stack) == []
    accounts.load(settings.secrets_file)
    stack.parts = [PartState("galaxy", "running", "http://127.0.0.1:1")]
    assert control.running_sessions(settings, stack) is None


def test_doctor_says_what_each_missing_thing_costs(tmp_path: Path) -> None:
    said = CliRunner(env={"UV_OFFLINE": "1"}).invoke(cli, ["doctor", "--json", "--data-dir", str(tmp_path)])
    checks = {check["name"]: check for check in json.loads(said.output)}
    wanted = {
        "system user",
        "Python",
        "uv",
        "package index",
        "disk",
        "memory",
        "ports",
        "worker",
        "access portal",
        "bubblewrap",
        "seccomp",
        "GPU and driver",
        "frameworks",
        "node",
    }
    assert wanted | {"docker", "podman", "git", "C++ compiler"} == set(checks)
    assert all(check["good"] or check["costs"] for check in checks.values())
    assert said.exit_code == (1 if any(check["good"] is False for check in checks.values()) else 0)


def test_logs_show_the_end_and_follow_also_a_file_that_begins_anew(tmp_path: Path) -> None:
    log, shown = tmp_path / "galaxy.log", []
    log.write_text("".join(f"line {number}\n" for number in range(10)))
    happens = iter(["append half", "append  a line\n", "begin anew\n"])

    def stop() -> bool:
        match next(happens, "").split(" ", 1):
            case "append", text:
                with log.open("a") as file:
                    file.write(text)
            case "begin", text:
                log.unlink()
                log.write_text(text)
            case _:
                return True
        return False

    logs.show({"galaxy": log}, lambda name, line: shown.append(line), lines=2, follow=True, stop=stop)
    assert shown == ["line 8", "line 9", "half a line", "anew"]


def test_status_breaks_no_path_for_a_program_that_reads_it(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 30)
    known = StackState(
        "x", supervisor=1, started=0, parts=[PartState("supervisor", "gone"), PartState("worker", "gone", str(deep))]
    )
    private_folder(tmp_path / "run")
    state.write(tmp_path, known)
    done = CliRunner().invoke(cli, ["status", "--data-dir", str(tmp_path)])
    assert str(deep) in done.output


def test_down_names_what_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process that waits for a broken disk, to which no signal comes."""
    settings = StackSettings(tmp_path / "data", tmp_path / "environments", tmp_path)
    private_folder(settings.run_dir)
    state.write(settings.data_dir, StackState(stack_id=uuid.uuid4().hex, supervisor=2**22 + 1, started=0))
    known = state.read(settings.data_dir)
    assert known is not None
    stuck = subprocess.Popen(["sleep", "60"], env=os.environ | {STACK: known.stack_id})
    try:
        monkeypatch.setattr(processes, "end", lambda found, *, grace: list(found))
        with pytest.raises(StackError, match=rf"These processes do not end: {stuck.pid} \(sleep\)"):
            control.down(settings, Console())
        monkeypatch.undo()
        control.down(settings, Console())
        assert stuck.wait(10)
    finally:
        stuck.kill()
        stuck.wait()
