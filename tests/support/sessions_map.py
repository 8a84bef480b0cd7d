"""Galaxy's side of the sessions database: what it writes when a session starts or ends."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass
class SessionsMap:
    """The database, once it was made."""

    path: Path

    def add(self, key: str, token: str, port: int, **wishes: object) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(
                "INSERT INTO gxitproxy VALUES (?, 'interactivetoolentrypoint', ?, '127.0.0.1', ?, ?)",
                (key, token, port, json.dumps(wishes)),
            )

    def remove(self, key: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("DELETE FROM gxitproxy WHERE key = ?", (key,))
