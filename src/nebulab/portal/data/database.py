"""The portal's database, SQLite or PostgreSQL: sessions, migrations; runs beside Galaxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import Session

from nebulab.errors import SettingsError
from nebulab.files import private_folder

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MILLISECONDS = 15_000
_LOCK = 0x6E6562756C6162
"""PostgreSQL's advisory lock of a migration."""
_WRITES = "nebulab_writes"


class Database:
    """The way to the data; usable from several threads.

    Parameters
    ----------
    url
        As SQLAlchemy names it. A SQLite file is made where it is missing, for its owner alone.

    Raises
    ------
    SettingsError
        There is no such database.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url = make_url(url)
            if self.is_sqlite:
                _private_file(self.url.database)
            self.engine = _engine(self.url.render_as_string(hide_password=False), sqlite=self.is_sqlite)
        except (ArgumentError, OSError) as error:
            raise SettingsError(f"The portal's database {url!r} can't be used: {error}.") from error
        self._writing = self.engine.execution_options(**{_WRITES: True})

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file of SQLite's."""
        return self.url.get_backend_name() == "sqlite"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session in which nothing is changed."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Yield a session that is committed when the block ends, and rolled back if it raises.

        On SQLite one writes at a time, and the others wait from the start: a transaction that has read can't be
        overtaken, and never fails because it would have to write.
        """
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def upgrade(self, revision: str = "head") -> None:
        """Make the tables, or bring them to this version of the portal's.

        Raises
        ------
        SettingsError
            The database does not answer, or is of a newer portal.
        """
        with self._migrating() as config:
            command.upgrade(config, revision)

    def downgrade(self, revision: str) -> None:
        """Bring the tables back to an older version's.

        Raises
        ------
        SettingsError
            As `upgrade`.
        """
        with self._migrating() as config:
            command.downgrade(config, revision)

    @contextmanager
    def _migrating(self) -> Iterator[Config]:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        try:
            with self._writing.begin() as connection:
                if not self.is_sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                config.attributes["connection"] = connection
                yield config
        except OperationalError as error:
            raise SettingsError(
                f"The portal's database {self.url.render_as_string()} does not answer: {error.orig}.",
                "Does the server run, and may this user enter?",
            ) from error
        except CommandError as error:
            raise SettingsError(
                f"The portal's database {self.url.render_as_string()} is of another version of the portal: {error}.",
                "Install the newer Nebulab again, or restore the backup from before it.",
            ) from error

    def revision(self) -> tuple[str | None, str | None]:
        """Return the version of the tables as they are, and as this portal needs them."""
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        wanted = ScriptDirectory.from_config(config).get_current_head()
        with self.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision(), wanted


def _private_file(name: str | None) -> None:
    if name and name != ":memory:":
        path = Path(name)
        private_folder(path.parent)
        path.touch(mode=0o600)


def _engine(url: str, *, sqlite: bool) -> Engine:
    if not sqlite:
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)
    engine = create_engine(url, pool_size=10, max_overflow=20)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        # The driver begins no transactions by itself: `_begin` does, as SQLAlchemy's documentation advises.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={_BUSY_MILLISECONDS}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
