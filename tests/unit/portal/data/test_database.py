"""The database: migrations up and down on data, the log that refuses to be changed, what several may do at once."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from nebulab.errors import SettingsError
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Access, Application, Base, Person, new_id
from nebulab.portal.rules import applications, audit
from nebulab.portal.rules.context import ITSELF, Context
from support.applicants import ADA, a_form


def test_the_migrations_make_what_the_tables_say(database: Database) -> None:
    with database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert differences == []
    there, wanted = database.revision()
    assert there == wanted


def test_migrations_go_down_and_up_again_on_data(database: Database, context: Context) -> None:
    with database.writing() as session:
        applications.apply(session, ADA, a_form(), context)
    database.upgrade()  # nothing to do: the data stays
    with database.reading() as session:
        assert len(session.scalars(select(Application)).all()) == 1
    database.downgrade("base")
    assert inspect(database.engine).get_table_names() == ["alembic_version"]
    database.upgrade()
    with database.writing() as session:
        applications.apply(session, ADA, a_form(), context)


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])
def test_the_log_refuses_changes(database: Database, statement: str) -> None:
    with database.writing() as session:
        audit.note(session, ITSELF, "tested")
    with pytest.raises(DBAPIError, match="append-only"), database.writing() as session:
        session.execute(text(statement))
    with database.reading() as session:
        assert [act.actor for act in audit.latest(session, 9)] == ["portal"]


def test_the_log_can_not_be_emptied_at_once_either(database: Database) -> None:
    with (
        pytest.raises(DBAPIError, match="syntax error" if database.is_sqlite else "append-only"),
        database.writing() as session,
    ):
        session.execute(text("TRUNCATE audit"))


def test_an_access_without_its_person_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(Access(person_id="nobody", since=clock.now(), until=clock.today()))


def test_one_reads_while_another_writes(database: Database) -> None:
    with database.writing() as writing, database.reading() as reading:
        applications.keep_person(writing, ADA)
        assert reading.get(Person, ADA.id) is None


def test_who_reads_and_then_writes_is_never_overtaken(database: Database) -> None:
    """Twenty threads add one to a number that they read: a lost one shows, and so does a lock that fails."""
    with database.writing() as session:
        applications.keep_person(session, ADA)
        session.execute(text("UPDATE person SET name = '0'"))

    def add() -> None:
        for _ in range(5):
            with database.writing() as session:
                person = session.scalars(select(Person).with_for_update()).one()
                person.name = str(int(person.name) + 1)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert session.scalars(select(Person.name)).one() == "20"


def test_what_raises_changes_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as session:
        applications.keep_person(session, ADA)
        session.flush()
        _ = 1 // 0
    with database.reading() as session:
        assert session.get(Person, ADA.id) is None


def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "portal.sqlite"
    with Database(f"sqlite:///{path}"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_data_of_a_newer_portal_is_told(database: Database) -> None:
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingsError, match="another version of the portal"):
        database.upgrade()


def test_a_database_that_does_not_answer_is_told(tmp_path: Path) -> None:
    with (
        Database(f"postgresql+psycopg://nobody@/portal?host={tmp_path}") as database,
        pytest.raises(SettingsError, match="does not answer"),
    ):
        database.upgrade()
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="can't be used"):
        Database(f"sqlite:///{tmp_path}/file/portal.sqlite")


def test_no_id_is_taken_for_an_option() -> None:
    assert all(new_id().isalnum() for _ in range(200))
