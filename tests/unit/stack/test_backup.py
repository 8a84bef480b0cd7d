"""A backup and its way back: all of it or nothing, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from nebulab.cli import cli
from nebulab.errors import BackupError
from nebulab.stack import backup
from nebulab.stack.settings import StackSettings, read_settings

BIG = 1 << 30


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200)


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    """A data folder as a stack leaves it."""
    data = tmp_path / "data"
    files = {
        "secrets.json": "secret",
        "ports.json": "{}",
        "access.json": '{"required": true}',
        "portal/secret": "key",
        "galaxy/objects/0/1/dataset_1.dat": "table",
        "galaxy/objects/0/1/dataset_1_files/page é.html": "page",
        "galaxy/objects/empty.dat": "",
        "galaxy/config/shed.xml": "<x/>",
        "galaxy/jobs_directory/000/1/working/x": "left out",
        "galaxy/cache/x": "left out",
        "galaxy/tmp/x": "left out",
        "environments/kernels/x": "left out",
        "run/state.json": "left out",
        "logs/galaxy.log": "left out",
    }
    for name, text in files.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(text)
    (data / "secrets.json").chmod(0o600)
    (data / "galaxy/objects/link.dat").symlink_to(tmp_path / "elsewhere")
    for name in ("galaxy/universe", "galaxy/interactivetools_map", "portal/portal"):
        with contextlib.closing(sqlite3.connect(data / f"{name}.sqlite")) as database, database:
            database.execute("CREATE TABLE history (name TEXT)")
            database.execute("INSERT INTO history VALUES (?)", (Path(name).name,))
    return read_settings({"data_dir": data}, {"HOME": str(tmp_path)})


@pytest.fixture
def archive(settings: StackSettings, console: Console, tmp_path: Path) -> Path:
    backup.back_up(settings, tmp_path / "backup.tar", console)
    return tmp_path / "backup.tar"


def again(settings: StackSettings, name: str = "again") -> StackSettings:
    return replace(settings, data_dir=settings.data_dir.with_name(name))


def content(folder: Path) -> dict[str, object]:
    return {
        path.relative_to(folder).as_posix(): (
            str(path.readlink()) if path.is_symlink() else path.is_dir() or path.read_bytes(),
            path.is_symlink() or stat.S_IMODE(path.stat().st_mode),
        )
        for path in folder.rglob("*")
    }


def test_what_comes_back_is_what_was_there(settings: StackSettings, archive: Path, console: Console) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert sorted(path.name for path in archive.parent.iterdir()) == ["backup.tar", "data"]
    backup.restore(again(settings), archive, console)
    restored, kept = content(again(settings).data_dir), content(settings.data_dir)
    databases = {name for name in kept if name.endswith(".sqlite")}
    gone = {name for name in kept if name not in restored}
    assert {name.split("/")[0] for name in gone} == {"environments", "run", "logs", "galaxy"}
    assert {name.split("/")[1] for name in gone if name.startswith("galaxy")} == {"jobs_directory", "cache", "tmp"}
    assert {name: restored[name] for name in restored.keys() - databases} == {
        name: kept[name] for name in kept.keys() - gone - databases
    }
    for name in databases:
        with contextlib.closing(sqlite3.connect(again(settings).data_dir / name)) as database:
            assert database.execute("SELECT name FROM history").fetchall() == [(Path(name).stem,)]
    assert sorted(path.name for path in archive.parent.iterdir()) == ["again", "backup.tar", "data"]
    assert stat.S_IMODE(again(settings).data_dir.stat().st_mode) == 0o700


def test_databases_are_as_they_were_at_one_moment(settings: StackSettings, console: Console, tmp_path: Path) -> None:
    """Two rows that are always written together are both there, or neither is."""
    done = threading.Event()

    def write() -> None:
        with contextlib.closing(sqlite3.connect(settings.database, timeout=30)) as database:
            number = 0
            while not done.is_set():
                number += 1
                with database:
                    for _ in range(2):
                        database.execute("INSERT INTO history VALUES (?)", (f"{number:05}" * 50,))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            backup.back_up(settings, tmp_path / f"{number}.tar", console)
            backup.restore(again(settings, f"again-{number}"), tmp_path / f"{number}.tar", console)
            with contextlib.closing(sqlite3.connect(again(settings, f"again-{number}").database)) as database:
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                assert not database.execute("SELECT name FROM history GROUP BY name HAVING count(*) = 1").fetchall()[1:]
    finally:
        done.set()
        writer.join()


def test_a_file_that_goes_or_shrinks_meanwhile_is_told(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = settings.galaxy_dir / "objects"
    (objects / "goes.dat").write_text("x")
    (objects / "shrinks.dat").write_text("x" * 1000)
    member = backup._member

    def late(tar: object, path: Path, name: str, opened: contextlib.ExitStack) -> object:
        if path.name == "goes.dat":
            path.unlink()
        found = member(tar, path, name, opened)  # type: ignore[arg-type]
        if path.name == "shrinks.dat":
            os.truncate(path, 10)
        return found

    monkeypatch.setattr(backup, "_member", late)
    said = io.StringIO()
    backup.back_up(settings, tmp_path / "backup.tar", Console(file=said, width=200))
    assert "2 files went away or changed" in said.getvalue()
    backup.restore(again(settings), tmp_path / "backup.tar", Console(file=said))
    assert (again(settings).galaxy_dir / "objects/shrinks.dat").stat().st_size == 1000
    assert (again(settings).galaxy_dir / "objects/0/1/dataset_1.dat").read_text() == "table"


def test_a_part_of_a_backup_is_none(settings: StackSettings, archive: Path, console: Console) -> None:
    whole = archive.read_bytes()
    for size in {0, 1, 511, 512, 700, *range(1024, len(whole), len(whole) // 20), len(whole) - 1024 - 512 * 20}:
        archive.write_bytes(whole[:size])
        if _has_its_end(archive):  # what follows it are zeros that fill the last block
            continue
        with pytest.raises(BackupError, match="no whole backup"):
            backup.restore(again(settings), archive, console)
        assert sorted(path.name for path in archive.parent.iterdir()) == ["backup.tar", "data"]


def _has_its_end(archive: Path) -> bool:
    with contextlib.suppress(tarfile.TarError, EOFError), tarfile.open(archive) as tar:
        return backup.END in tar.getnames()
    return False


@pytest.mark.parametrize("what", [b"table", b"dataset_1.dat", b'"sha256"'])
def test_a_changed_backup_is_none(settings: StackSettings, archive: Path, console: Console, what: bytes) -> None:
    whole = archive.read_bytes()
    assert what in whole
    archive.write_bytes(whole.replace(what, what[::-1], 1))
    with pytest.raises(BackupError, match="no whole backup"):
        backup.restore(again(settings), archive, console)
    assert not again(settings).data_dir.exists()


def _file(name: str, **fields: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(member, field, value)
    return member


@pytest.mark.parametrize(
    "members",
    [
        [_file("../outside")],
        [_file("galaxy/../../outside")],
        [_file("/outside")],
        [_file("outside")],
        [_file("galaxy", type=tarfile.SYMTYPE, linkname="../.."), _file("galaxy/outside")],
        [_file("galaxy", type=tarfile.FIFOTYPE)],
        [_file("galaxy", type=tarfile.LNKTYPE, linkname="/etc/passwd")],
        [_file("galaxy", type=tarfile.CHRTYPE)],
    ],
)
def test_an_archive_of_somebody_elses_writes_nothing_elsewhere(
    settings: StackSettings, tmp_path: Path, console: Console, members: list[tarfile.TarInfo]
) -> None:
    with tarfile.open(tmp_path / "theirs.tar", "w") as tar:
        for member in members:
            tar.addfile(member)
    with pytest.raises(BackupError, match="no whole backup"):
        backup.restore(again(settings), tmp_path / "theirs.tar", console)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "theirs.tar"]


def test_nothing_is_overwritten(settings: StackSettings, archive: Path, console: Console, tmp_path: Path) -> None:
    before = content(settings.data_dir)
    with pytest.raises(BackupError, match="not empty"):
        backup.restore(settings, archive, console)
    assert content(settings.data_dir) == before
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BackupError, match="not empty"):
        backup.restore(again(settings, "link"), archive, console)
    again(settings).data_dir.mkdir()
    backup.restore(again(settings), archive, console)
    assert (again(settings).data_dir / "secrets.json").read_text() == "secret"


def test_where_a_backup_can_not_be(settings: StackSettings, tmp_path: Path, console: Console) -> None:
    with pytest.raises(BackupError, match="in the data folder"):
        backup.back_up(settings, settings.data_dir / "galaxy" / "x.tar", console)
    with pytest.raises(BackupError, match="no data folder"):
        backup.back_up(again(settings), tmp_path / "x.tar", console)
    with pytest.raises(BackupError, match="could not be written"):
        backup.back_up(settings, tmp_path / "none" / "x.tar", console)
    # A link in a folder where others write too leads nowhere.
    (tmp_path / "x.tar.part").symlink_to(tmp_path / "theirs")
    with pytest.raises(BackupError):
        backup.back_up(settings, tmp_path / "x.tar", console)
    assert not (tmp_path / "theirs").exists()


def test_a_full_disk_leaves_the_last_backup(
    settings: StackSettings, archive: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = archive.read_bytes()

    def full(*_: object) -> list[str]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "_write", full)
    with pytest.raises(BackupError, match="No space left"):
        backup.back_up(settings, archive, console)
    assert archive.read_bytes() == before
    assert sorted(path.name for path in archive.parent.iterdir()) == ["backup.tar", "data"]


def _killed(command: str, file: Path, data: Path, begun: Callable[[], bool]) -> None:
    """Start a command, and kill it once it has `begun`."""
    code = f"from nebulab.cli import main; import sys; sys.argv = ['nebulab', {command!r}, {str(file)!r}, "
    code += f"'--data-dir', {str(data)!r}]; main()"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not begun() and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -signal.SIGKILL


def _is_larger(path: Path, size: int) -> bool:
    return path.exists() and path.stat().st_size > size


def test_what_is_killed_in_the_midst_leaves_no_half_thing(
    settings: StackSettings, archive: Path, console: Console, tmp_path: Path
) -> None:
    before = archive.read_bytes()
    big = settings.galaxy_dir / "objects" / "big.dat"
    big.touch()
    os.truncate(big, BIG)  # of holes: quick to read, and too much to be done before it is killed
    part = tmp_path / "backup.tar.part"
    _killed("backup", archive, settings.data_dir, lambda: _is_larger(part, 10**6))
    assert archive.read_bytes() == before
    with pytest.raises(BackupError, match="no whole backup"):
        backup.restore(again(settings), part, console)
    assert not again(settings).data_dir.exists()
    os.truncate(big, 64 << 20)
    backup.back_up(settings, archive, console)
    assert not part.exists()
    unpacked = tmp_path / ".again.restoring" / "galaxy" / "objects" / "big.dat"
    _killed("restore", archive, again(settings).data_dir, lambda: _is_larger(unpacked, 10**6))
    assert not again(settings).data_dir.exists()
    said = CliRunner().invoke(cli, ["restore", str(archive), "--data-dir", str(again(settings).data_dir)])
    assert said.exit_code == 0, said.output
    assert "nebulab up" in said.output
    assert (again(settings).galaxy_dir / "objects" / "big.dat").stat().st_size == 64 << 20
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".again")]


def test_the_help_teaches() -> None:
    for command in ("backup", "restore"):
        said = CliRunner().invoke(cli, [command, "--help"]).output
        assert "Examples:" in textwrap.dedent(said)
