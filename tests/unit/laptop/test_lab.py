"""`nebulab lab` without a container, with stand-ins for JupyterLab and Galaxy: its address, its secrets, its end."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from rich.console import Console

from nebulab.cli import cli
from nebulab.errors import SettingsError
from nebulab.laptop import lab, settings
from nebulab.laptop.login import Login
from nebulab.session import standalone
from support import fake_galaxy, run_lab, run_session
from support.fake_galaxy import FakeGalaxy
from support.laptop import Laptop, command_lines_with

Start = Callable[..., Laptop]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    environments = tmp_path / "environments"
    (environments / "lab" / "bin").mkdir(parents=True)
    (environments / "kernels").symlink_to(sys.prefix)
    nebulab = environments / "lab" / "bin" / "nebulab"
    nebulab.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{run_session.__file__}" "$@"\n')
    nebulab.chmod(0o755)
    started: list[Laptop] = []

    def begin(folder: str, *options: str, **variables: str) -> Laptop:
        (tmp_path / folder).mkdir(exist_ok=True)
        argv = [sys.executable, run_lab.__file__, "lab", str(tmp_path / folder), "--no-container", *options]
        environment = {
            "PYTHONPATH": str(Path(run_session.__file__).parents[1]),
            "HOME": str(tmp_path),
            "NEBULAB_ENVIRONMENTS": str(environments),
            "NEBULAB_DATA_DIR": str(tmp_path / "data"),
            "NEBULAB_ISOLATION": "none",
        }
        started.append(Laptop(argv, environment | variables))
        return started[-1]

    yield begin
    for laptop in started:
        if laptop.process.poll() is None:
            laptop.process.kill()
        laptop.ended()


def lab_of(folder: Path) -> dict[str, object]:
    """What the stand-in for JupyterLab wrote down: its process and its environment."""
    written: dict[str, object] = json.loads((folder / "lab.json").read_text())
    return written


def gone(folder: Path, seconds: float = 20) -> bool:
    """Whether no process works in the folder."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not working_in(folder):
            return True
        time.sleep(0.05)
    return False


def working_in(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").readlink() == folder:
                    found.append((entry / "cmdline").read_text())
            except OSError:
                continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_way_to_stop_it_leaves_nothing(number: int, start: Start, tmp_path: Path) -> None:
    laptop = start("analysis")
    with laptop.owner() as client:
        assert client.get("/api/status").status_code == 200
    assert working_in(tmp_path / "analysis")
    assert laptop.end(number) == 0
    assert "Ending" in laptop.said
    assert gone(tmp_path / "analysis")
    with pytest.raises(httpx.ConnectError), laptop.owner() as client:
        client.get("/api/status")


def test_killed_it_takes_the_session_with_it(start: Start, tmp_path: Path) -> None:
    laptop = start("analysis")
    assert laptop.address
    assert laptop.end(signal.SIGKILL) == -signal.SIGKILL
    assert gone(tmp_path / "analysis")


def test_shut_down_in_the_lab_it_ends_too(start: Start, tmp_path: Path) -> None:
    laptop = start("analysis")
    with laptop.owner() as client, pytest.raises(httpx.RemoteProtocolError):
        client.post("/end/0")
    assert laptop.ended() == 0
    assert "shut down in JupyterLab" in laptop.said


def test_a_lab_that_does_not_start_says_why(start: Start) -> None:
    laptop = start("analysis", STAND_IN_LAB="refuse")
    assert laptop.ended() == 1
    assert "this server refuses to start" in laptop.said
    assert "The Lab did not start" in laptop.said
    assert "Open http" not in laptop.said


def test_two_folders_run_side_by_side_and_one_folder_has_one_lab(start: Start) -> None:
    first, second = start("one"), start("two")
    assert first.address != second.address
    again = start("one")
    assert again.ended() == 1
    assert "serves" in again.said
    assert "already" in again.said
    port = first.address.split("/")[2]
    assert first.end(signal.SIGINT) == 0
    assert start("one").address.split("/")[2] == port


def test_a_port_that_is_taken_is_told(start: Start) -> None:
    first = start("one")
    taken = first.address.split("/")[2].rpartition(":")[2]
    second = start("two", "--port", taken)
    assert second.ended() == 1
    assert f"Port {taken}" in second.said


def test_key_and_token_are_in_no_command_line_environment_or_file(start: Start, tmp_path: Path) -> None:
    galaxy = FakeGalaxy()
    galaxy.user = {"id": "u1", "email": "person@example.org"}
    galaxy.answers["histories/most_recently_used"] = {"id": "h1", "name": "Cells"}
    try:
        laptop = start("analysis", "--galaxy", galaxy.url, API_KEY=fake_galaxy.KEY)
        assert laptop.address
        assert "person@example.org" in laptop.said
        assert "'Cells'" in laptop.said
        environment = lab_of(tmp_path / "analysis")["environment"]
        assert isinstance(environment, dict)
        assert environment["HISTORY_ID"] == "h1"
        for secret in (fake_galaxy.KEY, laptop.token):
            assert not command_lines_with(secret)
            assert secret not in json.dumps(environment)
            for file in tmp_path.rglob("*"):
                if file.is_file() and file.name != "token":  # JupyterLab deletes it; the stand-in does not
                    assert secret.encode() not in file.read_bytes(), file
        # What a notebook does: it asks the session's broker, which has the key.
        broker, token = environment["GALAXY_URL"], environment["API_KEY"]
        answer = httpx.get(f"{broker}/api/users/current", headers={"x-api-key": token})
        assert answer.json() == galaxy.user
        assert laptop.end(signal.SIGINT) == 0
        assert fake_galaxy.KEY not in laptop.said
    finally:
        galaxy.stop()


def test_the_key_is_typed_unseen(tmp_path: Path) -> None:
    galaxy = FakeGalaxy()
    galaxy.user = {"id": "u1", "email": "person@example.org"}
    galaxy.answers["histories"] = []
    ours, theirs = pty.openpty()
    try:
        # The history is not there, so that nothing is started.
        process = subprocess.Popen(
            [sys.executable, run_lab.__file__, "lab", "--galaxy", galaxy.url, "--history", "Absent"],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "PYTHONPATH": str(Path(run_lab.__file__).parents[1]),
                "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            },
            cwd=tmp_path,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        said = b""
        while b"(not shown)" not in said:
            said += os.read(ours, 1024)
        time.sleep(0.2)  # the terminal stops echoing a moment after the question
        os.write(ours, fake_galaxy.KEY.encode() + b"\n")
        with contextlib.suppress(OSError):  # a terminal that nobody has open any more ends with an error
            while more := os.read(ours, 1024):
                said += more
        assert process.wait(20) == 2
    finally:
        os.close(ours)
        galaxy.stop()
    assert b"can't be kept" in said
    assert b"You have no history 'Absent'" in said
    assert fake_galaxy.KEY.encode() not in said


def test_the_browser_is_led_to_the_address_by_a_file_of_the_persons_own(start: Start, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    seen = tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{seen}"\ncp -p "${{1#file://}}" "{seen}.html"\n')
    browser.chmod(0o755)
    laptop = start("analysis", "--open", BROWSER=str(browser))
    address = laptop.address
    deadline = time.monotonic() + 20
    while not Path(f"{seen}.html").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    page = Path(f"{seen}.html")
    assert laptop.token not in seen.read_text()
    assert address in page.read_text()
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    shown = Path(seen.read_text().strip().removeprefix("file://"))
    assert laptop.end(signal.SIGINT) == 0
    assert not shown.exists()


def test_a_wrong_stdin_is_told(tmp_path: Path) -> None:
    for said in ("", "[]", '{"PATH": "/"}', "key"):
        file = tmp_path / "said"
        file.write_text(said)
        with file.open() as stream, pytest.raises(SettingsError, match="standard input"):
            standalone.secrets(stream)
    file.write_text('{"API_KEY": "k"}\nmore\n')
    with file.open() as stream:
        assert standalone.secrets(stream) == {"API_KEY": "k"}


def test_help_teaches() -> None:
    said = CliRunner().invoke(cli, ["lab", "--help"])
    assert said.exit_code == 0
    for taught in ("Examples:", "nebulab lab --galaxy", "--no-container", "keyring", "docs/laptop.md"):
        assert taught in said.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--history", "Cells"], "--galaxy"),
        (["--forget"], "--galaxy"),
        (["--no-container", "--build"], "--no-container"),
        (["--memory", "lots"], "--memory"),
    ],
)
def test_options_that_make_no_sense(options: list[str], told: str) -> None:
    said = CliRunner().invoke(cli, ["lab", *options])
    assert isinstance(said.exception, SettingsError)
    assert told in str(said.exception)


def test_a_galaxy_on_loopback_is_reached_without_a_container(tmp_path: Path) -> None:
    local = Login("http://localhost:8080", "me", "key")
    told = StringIO()
    environ = {"NEBULAB_DATA_DIR": str(tmp_path)}
    assert lab._engine(settings.read(tmp_path, environ), local, Console(file=told)) is None
    assert "loopback" in told.getvalue()
    with pytest.raises(SettingsError, match="loopback"):
        lab._engine(settings.read(tmp_path, environ, image="nebulab:cpu"), local, Console(file=told))


def test_without_an_engine_it_says_so_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    told = StringIO()
    environ = {"NEBULAB_DATA_DIR": str(tmp_path)}
    assert lab._engine(settings.read(tmp_path, environ), None, Console(file=told)) is None
    assert "without a container" in told.getvalue()
    with pytest.raises(SettingsError, match="No container engine"):
        lab._engine(settings.read(tmp_path, environ, build=True), None, Console(file=told))
