"""The portal's data in one file and back, from each kind of database into each: all of it, or nothing."""

from __future__ import annotations

import gzip
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from nebulab.cli.backup import command as back_up_command
from nebulab.cli.restore import command as restore_command
from nebulab.errors import BackupError
from nebulab.files import locked
from nebulab.portal import clock
from nebulab.portal.backup import back_up, restore
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import PoolSample
from nebulab.portal.rules import applications, audit, decisions
from nebulab.portal.rules.context import ITSELF, Context
from nebulab.portal.settings import PortalSettings
from support.applicants import ADA, BOB, REVIEWER, a_form, link_in, mails
from support.portal_routes import content_of


@pytest.fixture
def filled(database: Database, context: Context, settings: PortalSettings) -> PortalSettings:
    """Ada has access, Bob has applied; a sample of the pool is kept."""
    for who in (ADA, BOB):
        with database.writing() as session:
            application = applications.apply(session, who, a_form(), context)
    with database.writing() as session:
        applications.confirm(session, link_in(mails(database)[-1].body), context)
        decisions.approve(session, application.id, version=None, actor=REVIEWER, context=context)
        session.add(PoolSample(at=clock.now(), model="A100 ü", total=4, busy=None, down=0, waiting=2))
    return replace(settings, database=database.url.render_as_string(hide_password=False))


def elsewhere(settings: PortalSettings, folder: Path) -> PortalSettings:
    """Return settings of a new portal, with SQLite."""
    return replace(settings, folder=folder, database="")


def test_all_of_it_comes_back(filled: PortalSettings, database: Database, tmp_path: Path) -> None:
    file, before = tmp_path / "portal.gz", content_of(database)
    assert back_up(filled, file) == sum(map(len, before.values())) > 10
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = elsewhere(filled, tmp_path / "again")
    assert restore(again, file) == sum(map(len, before.values()))
    with Database(again.database_url) as restored:
        assert content_of(restored) == before
        assert restored.revision() == database.revision()
        # It goes on from there: numbers are not given twice, and the log is as strict as it was.
        with restored.writing() as session:
            audit.note(session, ITSELF, "tested")
        with pytest.raises(Exception, match="append-only"), restored.writing() as session:
            session.execute(text("DELETE FROM audit"))


@pytest.mark.system
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_data_moves_to_postgresql(
    filled: PortalSettings, database: Database, postgresql: Callable[[], str], tmp_path: Path
) -> None:
    file, before = tmp_path / "portal.gz", content_of(database)
    back_up(filled, file)
    server = replace(filled, database=postgresql())
    restore(server, file)
    with Database(server.database_url) as restored:
        assert content_of(restored) == before
        with restored.writing() as session:
            audit.note(session, ITSELF, "tested")
            applications.withdraw(session, ADA, applications.of_person(session, ADA.id)[0].id)
        assert len(content_of(restored)["audit"]) == len(before["audit"]) + 2


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_data_of_an_older_version_is_brought_to_this_one(
    filled: PortalSettings, database: Database, tmp_path: Path
) -> None:
    # As a portal wrote it that knew the first tables alone.
    database.downgrade("0001")
    file = tmp_path / "portal.gz"
    with pytest.raises(BackupError, match="Start the portal once"):
        back_up(filled, file)
    database.upgrade()
    back_up(filled, file)
    again = elsewhere(filled, tmp_path / "again")
    with Database(again.database_url) as older:
        older.upgrade("0001")
    restore(again, file)
    with Database(again.database_url) as restored:
        assert content_of(restored) == content_of(database)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("how", ["short", "changed", "of something else", "cut off"])
def test_what_is_no_whole_backup_restores_nothing(
    filled: PortalSettings, database: Database, tmp_path: Path, how: str
) -> None:
    file = tmp_path / "portal.gz"
    back_up(filled, file)
    packed = file.read_bytes()
    lines = gzip.decompress(packed).splitlines(keepends=True)
    broken = {
        "short": gzip.compress(b"".join(lines[:-1])),
        "changed": gzip.compress(b"".join(lines).replace(b"Nuclei", b"Nuclea")),
        "of something else": gzip.compress(b'{"kind": "other"}\n{}\n'),
        "cut off": packed[: len(packed) // 2],
    }
    file.write_bytes(broken[how])
    again = elsewhere(filled, tmp_path / "again")
    with pytest.raises(BackupError, match="no whole backup of a portal"):
        restore(again, file)
    assert not (again.folder / "portal.sqlite").exists()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_nothing_is_overwritten_and_no_portal_surprised(
    filled: PortalSettings, database: Database, tmp_path: Path
) -> None:
    file, before = tmp_path / "portal.gz", content_of(database)
    back_up(filled, file)
    with pytest.raises(BackupError, match="has data already"):
        restore(filled, file)
    with locked(tmp_path / "again" / "portal.lock", wait=False), pytest.raises(BackupError, match="Stop it first"):
        restore(elsewhere(filled, tmp_path / "again"), file)
    assert content_of(database) == before
    with pytest.raises(BackupError, match="There is no portal's data"):
        back_up(elsewhere(filled, tmp_path / "none"), file)
    with pytest.raises(BackupError, match="could not be written"):
        back_up(filled, tmp_path / "none" / "portal.gz")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_one_command_each(filled: PortalSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEBULAB_PORTAL_DIR", str(tmp_path))
    written = CliRunner().invoke(back_up_command, ["--portal", str(tmp_path / "portal.gz")])
    assert written.exit_code == 0 and "keep it as you keep those" in written.output, written.output
    monkeypatch.setenv("NEBULAB_PORTAL_DIR", str(tmp_path / "again"))
    back = CliRunner().invoke(restore_command, ["--portal", str(tmp_path / "portal.gz")])
    assert back.exit_code == 0 and "Restored" in back.output, back.output


def test_many_rows_are_written_in_pieces(database: Database, settings: PortalSettings, tmp_path: Path) -> None:
    with database.writing() as session:
        for number in range(2_500):
            at = clock.now() + timedelta(minutes=number)
            session.add(PoolSample(at=at, model="A100", total=4, busy=1, down=0, waiting=None))
    filled = replace(settings, database=database.url.render_as_string(hide_password=False))
    assert back_up(filled, tmp_path / "portal.gz") == 2_500
    assert restore(elsewhere(filled, tmp_path / "again"), tmp_path / "portal.gz") == 2_500
