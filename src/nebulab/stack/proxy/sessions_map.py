"""Galaxy's database of entry points, by which a proxy finds where each session listens; runs in the proxy.

Galaxy keeps one row for every running entry point in the table `gxitproxy` of an SQLite file
(galaxy/managers/interactivetool.py), and deletes it when the tool ends.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path

_BUSY_SECONDS = 2


@dataclass(frozen=True)
class Target:
    """Host and port of a session, and whether it wants its public path in the URL, or in a header of this name."""

    host: str
    port: int
    path_in_url: bool = False
    path_header: str | None = None

    @property
    def origin(self) -> str:
        """The address without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def find(database: Path, key: str, token: str) -> Target | None:
    """Return the target of the entry point `key` if `token` is its token; tokens are compared in constant time.

    Nothing is cached (a query takes 0.1 ms), so that a session's address dies with the session.
    """
    if not key or not token or not database.exists():
        return None
    try:
        with contextlib.closing(
            sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
        ) as connection:
            rows = connection.execute("SELECT token, host, port, info FROM gxitproxy WHERE key = ?", (key,)).fetchall()
    except sqlite3.OperationalError:
        # Galaxy makes the table with the first session.
        return None
    for known, host, port, info in rows:
        if hmac.compare_digest(str(known).encode(), token.encode()) and host and port:
            parsed = _parsed(info)
            header = parsed.get("requires_path_in_header_named")
            return Target(
                host=str(host),
                port=int(port),
                path_in_url=bool(parsed.get("requires_path_in_url")),
                path_header=str(header) if header else None,
            )
    return None


def has_domain(galaxy_database: Path, token: str) -> bool:
    """Whether the entry point with `token` asked for a host name of its own (`requires_domain`), by Galaxy's database.

    The database of entry points does not say so. Without Galaxy's, or when it can't be read now, the answer is no.
    """
    try:
        with contextlib.closing(
            sqlite3.connect(f"{galaxy_database.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
        ) as connection:
            query = "SELECT requires_domain FROM interactivetool_entry_point WHERE token = ?"
            return any(requires for (requires,) in connection.execute(query, (token,)))
    except sqlite3.OperationalError:
        return False


def _parsed(info: str | None) -> dict[str, object]:
    try:
        parsed = json.loads(info or "{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def create(database: Path) -> None:
    """Make the database with no sessions, for its owner alone; one that is there stays as it is."""
    database.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(database, timeout=_BUSY_SECONDS)) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS gxitproxy (key VARCHAR(16) NOT NULL, key_type TEXT NOT NULL, "
            "token VARCHAR(32), host TEXT, port INTEGER, info TEXT, PRIMARY KEY (key, key_type))"
        )
        connection.commit()
