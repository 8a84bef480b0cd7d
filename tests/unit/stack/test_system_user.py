"""Root's stack is an ordinary user's where that works; where it does not, root stays root and is told why."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from nebulab.errors import SettingsError
from nebulab.stack import control, isolation, system_user
from nebulab.stack.doctor import checks
from nebulab.stack.isolation import Isolation
from nebulab.stack.settings import StackSettings
from nebulab.stack.system_user import Choice, Obstacle, SystemUser

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
NOBODY = 65534
NO_ONES = 1_900_000_077


@pytest.fixture(scope="module")
def person() -> SystemUser:
    """An ordinary user that every Linux has."""
    return system_user.named("daemon")


@pytest.fixture
def top() -> Iterator[Path]:
    """A folder that everybody may look into, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="nebulab-user-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def settings(top: Path) -> StackSettings:
    return StackSettings(top / "data", top / "environments", Path(__file__).parents[3])


def belong(user: SystemUser, *paths: Path) -> None:
    for path in paths:
        os.chown(path, user.uid, user.gid, follow_symlinks=False)


def a_stack(user: SystemUser, data_dir: Path) -> None:
    """Make what `up` leaves in a data folder of this user's."""
    (data_dir / "run").mkdir(parents=True)
    (data_dir / "run" / "lock").touch()
    (data_dir / "secrets.json").touch()
    belong(user, data_dir, *data_dir.rglob("*"))


@AS_ROOT
def test_a_new_data_folder_belongs_to_the_owner_of_the_folder_above(top: Path, person: SystemUser) -> None:
    belong(person, top)
    assert system_user.owner(top / "deep" / "data", {}) == person
    assert system_user.owner(top / "deep" / "data", {"SUDO_UID": "2"}) == person


@AS_ROOT
def test_below_a_folder_of_roots_it_belongs_to_who_called_sudo(top: Path, person: SystemUser) -> None:
    assert system_user.owner(top / "data", {}) is None
    assert system_user.owner(top / "data", {"SUDO_UID": str(person.uid)}) == person
    assert system_user.owner(top / "data", {"SUDO_UID": "0"}) is None
    assert system_user.owner(top / "data", {"SUDO_UID": "-1"}) is None


@AS_ROOT
def test_a_data_folder_of_roots_stays_roots_also_with_sudo(top: Path, person: SystemUser) -> None:
    (top / "data").mkdir()
    assert system_user.owner(top / "data", {"SUDO_UID": str(person.uid)}) is None


@AS_ROOT
@pytest.mark.parametrize("number", [NOBODY, NO_ONES])
def test_a_number_without_a_user_is_no_users(top: Path, number: int) -> None:
    """As another machine's files are, or those outside of a container."""
    os.chown(top, number, number)
    assert system_user.owner(top / "data", {}) is None


@AS_ROOT
def test_a_stack_is_a_users_if_all_of_it_is(top: Path, person: SystemUser) -> None:
    data = top / "data"
    assert not system_user.holds_stack_of(person, data)
    a_stack(person, data)
    assert system_user.holds_stack_of(person, data)
    os.chown(data / "run" / "lock", 0, 0)
    assert not system_user.holds_stack_of(person, data)


def test_an_ordinary_user_stays_who_they_are(settings: StackSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: pwd.getpwnam("daemon").pw_uid)
    assert system_user.choose(settings) == Choice(None)
    assert system_user.choose(replace(settings, user="daemon")) == Choice(None)
    for other in ("root", "bin"):
        with pytest.raises(SettingsError, match=f"Only root can run a stack as {other}"):
            system_user.choose(replace(settings, user=other))


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Choose as root would, and with nothing in the way."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(system_user, "obstacles", lambda *_, **__: iter(()))
    return monkeypatch


def in_the_way(*_: object, **__: object) -> Iterator[Obstacle]:
    yield Obstacle("/root is closed to daemon", "open it")


def test_root_says_how_where_all_is_roots(settings: StackSettings, root: pytest.MonkeyPatch) -> None:
    root.setattr(system_user, "owner", lambda *_: None)
    choice = system_user.choose(settings)
    assert choice.user is None
    assert str(settings.data_dir.parent) in choice.sentence
    assert "--user NAME" in choice.sentence


def test_root_becomes_the_user_who_is_named_or_owns_the_folder(
    settings: StackSettings, root: pytest.MonkeyPatch, person: SystemUser
) -> None:
    assert system_user.choose(replace(settings, user="daemon")).user == person
    root.setattr(system_user, "owner", lambda *_: person)
    choice = system_user.choose(settings)
    assert choice.user == person
    assert choice.sentence == "daemon, an ordinary user: root's rights end here"
    assert system_user.choose(replace(settings, user="root")) == Choice(None, "root, as asked")
    with pytest.raises(SettingsError, match="no user none-of-these"):
        system_user.choose(replace(settings, user="none-of-these"))


def test_root_stays_root_and_says_why(settings: StackSettings, root: pytest.MonkeyPatch, person: SystemUser) -> None:
    root.setattr(system_user, "owner", lambda *_: person)
    root.setattr(system_user, "obstacles", in_the_way)
    choice = system_user.choose(settings)
    assert choice == Choice(None, "root, not as daemon: /root is closed to daemon", "open it")
    assert checks._system_user(settings).good is None
    assert checks._system_user(settings).found == f"Galaxy and sessions run as {choice.sentence}"


def test_a_user_who_was_asked_for_is_that_user_or_an_error(settings: StackSettings, root: pytest.MonkeyPatch) -> None:
    root.setattr(system_user, "obstacles", in_the_way)
    with pytest.raises(SettingsError, match="can't run as daemon: /root is closed to daemon") as raised:
        system_user.choose(replace(settings, user="daemon"))
    assert raised.value.hint == "Open it. `--user root` runs it as root."
    failed = checks._system_user(replace(settings, user="daemon"))
    assert failed.good is False
    assert "--user root" in failed.found


def test_a_users_stack_is_never_mixed_with_roots_files(
    settings: StackSettings, root: pytest.MonkeyPatch, person: SystemUser
) -> None:
    root.setattr(system_user, "owner", lambda *_: person)
    root.setattr(system_user, "holds_stack_of", lambda *_: True)
    root.setattr(system_user, "obstacles", in_the_way)
    with pytest.raises(SettingsError, match="can't run as daemon"):
        system_user.choose(settings)


@AS_ROOT
def test_a_closed_path_is_named_from_the_outside(settings: StackSettings, person: SystemUser, top: Path) -> None:
    (top / "closed" / "deep").mkdir(parents=True)
    (top / "closed").chmod(0o700)
    (top / "link").symlink_to(top / "closed" / "deep" / "python")
    (top / "closed" / "deep" / "python").touch(mode=0o755)
    (top / "private").touch(mode=0o600)
    for path, closed in {
        top / "closed" / "deep": top / "closed",
        top / "link": top / "closed",
        top / "private": top / "private",
        top: None,
    }.items():
        assert system_user._closed(person, {path: os.R_OK}) == closed
    assert os.geteuid() == 0, "root is root again"
    assert system_user._folder(person, settings) is None
    found = system_user._folder(person, replace(settings, data_dir=top / "closed" / "data"))
    assert found == Obstacle(
        f"{top}/closed is closed to daemon", f"choose a --data-dir elsewhere, as below {person.home}"
    )
    shown = replace(settings, show=(top / "closed",))
    found = system_user._paths(person, shown)
    assert found is not None
    # On some machines the Python of these tests is closed, too, and told first.
    assert found.reason.endswith("is closed to daemon")


@AS_ROOT
def test_a_file_of_roots_in_the_data_folder_is_told(settings: StackSettings, person: SystemUser) -> None:
    assert system_user._strangers(person, settings) is None
    settings.data_dir.mkdir(mode=0o700)
    assert system_user._strangers(person, settings) is None, "an empty folder of root's is handed over"
    assert system_user._folder(person, settings) is None
    a_stack(person, settings.data_dir / "inner")
    found = system_user._strangers(person, settings)
    assert found == Obstacle(
        f"{settings.data_dir} does not belong to daemon",
        f"after `nebulab down`: chown -R daemon: {settings.data_dir}",
    )


def test_a_low_port_is_for_root_alone(
    settings: StackSettings, person: SystemUser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_user, "_LOWEST_PORT", tmp_path / "lowest")
    (tmp_path / "lowest").write_text("1024\n")
    assert system_user._ports(person, replace(settings, galaxy_port=1024)) is None
    found = system_user._ports(person, replace(settings, proxy_port=443))
    assert found == Obstacle("port 443 is for root alone", "choose one from 1024 on")
    (tmp_path / "lowest").write_text("0\n")
    assert system_user._ports(person, replace(settings, proxy_port=443)) is None


@AS_ROOT
def test_walls_that_only_root_can_build_are_not_given_up(
    settings: StackSettings, person: SystemUser, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = top / "bwrap"
    monkeypatch.setattr(isolation, "candidates", lambda: [program])
    for lines, told in {
        "exit 0": None,
        "exit 1": None,  # root has none either
        '[ "$(id -u)" = 0 ] && exit\necho no user namespaces >&2\nexit 1': "for root alone (no user namespaces)",
        '[ "$(id -u)" = 0 ] || [ "$(id -G)" = "{}" ]'.format(" ".join(map(str, person.groups))): None,
    }.items():
        program.write_text(f"#!/bin/sh\n{lines}\n")
        program.chmod(0o755)
        found = system_user._walls(person, settings)
        assert found is None if told is None else found is not None and told in found.reason, lines
        assert system_user._walls(person, replace(settings, isolation="none")) is None


@AS_ROOT
def test_a_gpu_that_the_user_may_not_open_is_not_given_up(
    settings: StackSettings, person: SystemUser, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_user, "_DEVICES", top)
    (top / "nvidia0").touch(mode=0o666)
    (top / "nvidia0").chmod(0o666)
    (top / "nvidia-caps").mkdir(mode=0o700)
    assert system_user._gpus(person, settings) is None
    (top / "nvidiactl").touch(mode=0o660)
    found = system_user._gpus(person, settings)
    assert found is not None
    assert f"({top / 'nvidiactl'})" in found.reason


def test_containers_of_roots_engine_are_not_given_up(
    settings: StackSettings, person: SystemUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "choose", lambda *_: Isolation("container", None, ""))
    found = system_user._containers(person, settings)
    assert found is not None
    assert found.remedy == "with --isolation bubblewrap they are daemon's too"
    monkeypatch.setattr(isolation, "choose", lambda *_: Isolation("bubblewrap", None, ""))
    assert system_user._containers(person, settings) is None


@AS_ROOT
def test_what_only_root_has_counts_for_a_choice_by_itself_alone(
    settings: StackSettings, person: SystemUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_rights", "_strangers", "_folder", "_paths", "_ports"):
        monkeypatch.setattr(system_user, name, lambda *_: None)
    for name in ("_walls", "_gpus", "_containers"):
        monkeypatch.setattr(system_user, name, lambda *_, name=name: Obstacle(name, ""))

    def reasons(*, may_lose: bool) -> list[str]:
        return [each.reason for each in system_user.obstacles(person, settings, may_lose=may_lose)]

    assert reasons(may_lose=False) == ["_walls", "_gpus", "_containers"]
    assert reasons(may_lose=True) == ["_walls"]
    a_stack(person, settings.data_dir)
    assert reasons(may_lose=True) == []


def test_without_the_right_to_become_another_that_is_told(
    settings: StackSettings, person: SystemUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container without capabilities."""

    def refuse(groups: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setgroups", refuse)
    found = system_user._rights(person, settings)
    assert found is not None
    assert found.reason == "this process may not become daemon (Operation not permitted)"
    for name, answer in {"geteuid": 0, "setuid": None}.items():
        monkeypatch.setattr(os, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(system_user, "owner", lambda *_: person)
    monkeypatch.setattr(system_user, "holds_stack_of", lambda *_: True)
    assert system_user.step_down(settings) == settings


@AS_ROOT
def test_environments_in_a_folder_of_roots_are_installed_before_roots_rights_end(
    settings: StackSettings, person: SystemUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened = []
    monkeypatch.setattr(control, "_install", lambda *_, **__: happened.append("install"))
    monkeypatch.setattr(system_user, "become", lambda *_: happened.append("become"))
    assert control._become(person, settings, Console(), reinstall=False)
    assert happened == ["install", "become"]
    assert settings.environments_dir.stat().st_mode & 0o777 == 0o755
    happened.clear()
    below = replace(settings, environments_dir=settings.data_dir / "environments")
    assert not control._become(person, below, Console(), reinstall=False)
    assert happened == ["become"], "the user installs them"
    assert not below.environments_dir.exists()


BECOMING = """
import json, os, sys, tempfile
from pathlib import Path
from nebulab.stack import system_user
folder = Path(sys.argv[1])
user = system_user.named("daemon")
system_user.make_room(user, folder / "data")
system_user.become(user, folder / "data")
(folder / "data" / "file").touch()
back = []
for call in (os.setuid, os.seteuid):
    try:
        call(0)
    except PermissionError:
        back.append(call.__name__)
names = ("HOME", "USER", "LOGNAME", "TMPDIR", "XDG_RUNTIME_DIR", "KEPT")
print(json.dumps({"uids": os.getresuid(), "gids": os.getresgid(), "groups": os.getgroups(), "back": back,
                  "cwd": os.getcwd(), "temporary": tempfile.gettempdir(),
                  "environment": {name: os.environ.get(name) for name in names}}))
"""


@AS_ROOT
def test_root_becomes_another_user_for_good(top: Path, tmp_path: Path, person: SystemUser) -> None:
    (top / "closed").mkdir(mode=0o700)
    environment = {"TMPDIR": str(top / "closed"), "XDG_RUNTIME_DIR": "/run/user/0", "KEPT": "yes", "HOME": "/root"}
    ended = subprocess.run(
        [sys.executable, "-c", BECOMING, top],
        env=os.environ | environment,
        cwd=top / "closed",
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ended.stdout) == {
        "uids": [person.uid] * 3,
        "gids": [person.gid] * 3,
        "groups": person.groups,
        "back": ["setuid", "seteuid"],
        "cwd": "/",
        "temporary": "/tmp",
        "environment": {
            "HOME": str(top / "data"),  # its own is root's
            "USER": "daemon",
            "LOGNAME": "daemon",
            "TMPDIR": None,
            "XDG_RUNTIME_DIR": None,
            "KEPT": "yes",
        },
    }
    for path, mode in {top / "data": 0o700, top / "data" / "file": 0o644}.items():
        assert (path.stat().st_uid, path.stat().st_gid) == (person.uid, person.gid)
        assert path.stat().st_mode & 0o777 == mode


@AS_ROOT
def test_folders_above_a_new_data_folder_stay_roots_and_open(top: Path, person: SystemUser) -> None:
    before = os.umask(0o077)
    try:
        system_user.make_room(person, top / "deep" / "data")
    finally:
        assert os.umask(before) == 0o077
    assert (top / "deep").stat().st_uid == 0
    assert (top / "deep").stat().st_mode & 0o777 == 0o755
    assert (top / "deep" / "data").stat().st_uid == person.uid


@AS_ROOT
def test_a_folder_of_roots_that_holds_something_is_not_handed_over(top: Path, person: SystemUser) -> None:
    (top / "kept").touch()
    system_user.make_room(person, top)
    assert top.stat().st_uid == 0


@AS_ROOT
def test_a_restored_folder_is_given_with_its_links_and_not_what_they_lead_to(top: Path, person: SystemUser) -> None:
    (top / "data" / "galaxy").mkdir(parents=True)
    (top / "outside").touch()
    (top / "data" / "galaxy" / "link").symlink_to(top / "outside")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(top / "data" / "socket"))
    system_user.give(person, top / "data")
    given = [top / "data", *(top / "data").rglob("*")]
    assert len(given) == 4
    assert {path.lstat().st_uid for path in given} == {person.uid}
    assert (top / "outside").stat().st_uid == 0
