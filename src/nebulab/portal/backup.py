"""The portal's data in one file, made while it serves, and its way back; runs beside Galaxy.

The file is JSON lines, packed by gzip: the first names the version of the tables, each other one is a row, the last
one counts them and holds a hash of all before it. It is the same for SQLite and PostgreSQL, needs none of their
programs, and brings data from one to the other.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, inspect, select, text

from nebulab import __version__
from nebulab.errors import BackupError
from nebulab.files import locked, private_folder, replacing
from nebulab.portal.data.database import Database
from nebulab.portal.settings import PortalSettings

_KIND = "nebulab-portal"
_FORMAT = 1
_VERSIONS = "alembic_version"
_AT_ONCE = 1_000
"""Rows that are held in memory."""
_READ: Mapping[type, Callable[[Any], Any]] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    Decimal: Decimal,
}
"""How a column's values come back from what JSON has of them."""


def back_up(settings: PortalSettings, file: Path) -> int:
    """Write the portal's data to `file`, for its owner alone, as it is at one moment; return the number of rows.

    A file that is there is replaced once the new one is whole.

    Raises
    ------
    BackupError
        There is no data of this version, or `file` can't be written.
    """
    _need_data(settings)
    with Database(settings.database_url) as database:
        there, wanted = database.revision()
        if there != wanted:
            raise BackupError(
                f"The portal's data is of version {there or 'none'}, this portal's is {wanted}.",
                "Start the portal once, which brings the data to its own version; then back up.",
            )
        try:
            # Made for its owner alone.
            with replacing(file) as part, part.open("wb") as raw:
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb") as packed:
                    count = _write(database, str(there), packed)
                raw.flush()
                os.fsync(raw.fileno())
        except OSError as error:
            raise BackupError(
                f"{file} could not be written: {error.strerror or error}.", "Is there room, and may you write there?"
            ) from error
    return count


def restore(settings: PortalSettings, file: Path) -> int:
    """Put the data of `file` into a database that holds nothing yet; return the number of rows. All of it, or nothing.

    Raises
    ------
    BackupError
        The portal runs, its database is not empty, or `file` is no whole backup of a portal that this one knows.
    """
    private_folder(settings.folder)
    with locked(settings.folder / "portal.lock", wait=False) as alone:
        if not alone:
            raise BackupError(f"A portal runs on {settings.folder}.", "Stop it first; nothing was restored.")
        # As a whole, before anything is touched.
        head = _check(file)
        with Database(settings.database_url) as database:
            _need_nothing(database)
            if database.revision()[0] is not None:
                database.downgrade("base")
            database.upgrade(head["revision"])
            with database.writing() as session:
                count = _read(session.connection(), file)
            database.upgrade()
        _give_to_owner(settings)
    return count


def _need_data(settings: PortalSettings) -> None:
    if not settings.has_data:
        raise BackupError(
            f"There is no portal's data in {settings.folder}.", "NEBULAB_PORTAL_DIR names the folder of the portal."
        )


def _need_nothing(database: Database) -> None:
    with database.engine.connect() as connection:
        for table in _tables(connection):
            if connection.execute(select(text("1")).select_from(table).limit(1)).first() is not None:
                raise BackupError(
                    f"{database.url.render_as_string()} has data already: nothing was restored.",
                    "Name an empty database in NEBULAB_PORTAL_DATABASE, or another folder in NEBULAB_PORTAL_DIR.",
                )


def _tables(connection: Connection) -> list[Table]:
    """Return the tables as the database has them, each after those that it refers to."""
    metadata = MetaData()
    names = [name for name in inspect(connection).get_table_names() if name != _VERSIONS]
    metadata.reflect(connection, only=names)
    return metadata.sorted_tables


def _write(database: Database, revision: str, packed: gzip.GzipFile) -> int:
    digest, count = hashlib.sha256(), 0

    def put(row: dict[str, Any]) -> None:
        line = json.dumps(row, ensure_ascii=False, default=_plain).encode() + b"\n"
        digest.update(line)
        packed.write(line)

    put({"kind": _KIND, "format": _FORMAT, "revision": revision, "nebulab": __version__})
    with _one_moment(database) as connection:
        for table in _tables(connection):
            rows = connection.execution_options(yield_per=_AT_ONCE).execute(select(table))
            for row in rows.mappings():
                put({"table": table.name, "row": dict(row)})
                count += 1
    packed.write(json.dumps({"rows": count, "sha256": digest.hexdigest()}).encode() + b"\n")
    return count


@contextlib.contextmanager
def _one_moment(database: Database) -> Iterator[Connection]:
    """Yield a connection that sees the data as it is at its first question."""
    with database.engine.connect() as connection:
        # SQLite's readers see one moment by themselves.
        if not database.is_sqlite:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no place in a backup")


def _check(file: Path) -> dict[str, Any]:
    """Return the first line of a backup that is whole.

    Raises
    ------
    BackupError
        It is none.
    """
    digest, count, last = hashlib.sha256(), -1, b""
    head: dict[str, Any] = {}
    for line in _lines(file):
        if last:
            digest.update(last)
            head = head or _object(last)
            count += 1
        last = line
    if head.get("kind") != _KIND:
        raise _no_backup(f"{file} is none")
    if head.get("format") != _FORMAT:
        raise _no_backup(f"{file} is one of another Nebulab ({head.get('nebulab')})")
    if _object(last) != {"rows": count, "sha256": digest.hexdigest()}:
        raise _no_backup(f"the end of {file} is missing, or what is before it has changed")
    return head


def _read(connection: Connection, file: Path) -> int:
    tables = {table.name: table for table in _tables(connection)}
    waiting: dict[str, list[dict[str, Any]]] = {name: [] for name in tables}
    count = 0

    def write(name: str) -> None:
        if waiting[name]:
            connection.execute(tables[name].insert(), waiting[name])
            waiting[name] = []

    before = ""
    for line in _lines(file):
        told = _object(line)
        name = told.get("table")
        if name is None:
            continue
        # Rows come table by table, each after those that it refers to.
        if name != before and before:
            write(before)
        before = name
        waiting[name].append(_row(tables[name], told["row"]))
        count += 1
        if len(waiting[name]) == _AT_ONCE:
            write(name)
    if before:
        write(before)
    if connection.dialect.name == "postgresql":
        for table in tables.values():
            _go_on_counting(connection, table)
    return count


def _row(table: Table, told: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value is None else _reader(table.c[name])(value) for name, value in told.items()}


def _reader(column: Column[Any]) -> Callable[[Any], Any]:
    try:
        return _READ.get(column.type.python_type, lambda value: value)
    except NotImplementedError:
        return lambda value: value


def _go_on_counting(connection: Connection, table: Table) -> None:
    """Have PostgreSQL give the next numbers after those that were restored."""
    for column in table.primary_key.columns:
        if not isinstance(column.type, Integer):
            continue
        sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
        largest = connection.scalar(select(func.max(column)))
        if sequence and largest:
            connection.execute(select(func.setval(sequence, largest)))


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with gzip.open(file, "rb") as packed:
            yield from packed
    except (OSError, EOFError, zlib.error) as error:
        raise _no_backup(f"{file} can't be read ({error})") from error


def _object(line: bytes) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _no_backup(reason: str) -> BackupError:
    return BackupError(f"This is no whole backup of a portal: {reason}.", "Nothing was restored. Take another one.")


def _give_to_owner(settings: PortalSettings) -> None:
    """Where root restores a SQLite file for a service, have it be that service's user's."""
    if os.geteuid() != 0 or settings.database:
        return
    owner = settings.folder.stat()
    for path in settings.folder.glob("portal.*"):
        os.chown(path, owner.st_uid, owner.st_gid)
