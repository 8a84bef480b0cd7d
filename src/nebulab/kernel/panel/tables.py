"""The first rows of a table, for a preview; a process of the kernels' environment."""

from __future__ import annotations

import csv
import io
from typing import Any

_MOST_ROWS = 200
_MOST_COLUMNS = 100
_LONGEST_CELL = 500


def table(text: str, separator: str, *, has_header: bool, is_whole: bool) -> dict[str, Any]:
    """Return the table's columns and first rows as texts; `is_whole` says that `text` is all of the file."""
    lines = text.splitlines(keepends=True)
    if not is_whole and len(lines) > 1:
        # The last line is cut.
        lines = lines[:-1]
    if not has_header:
        lines = [line for line in lines if not line.startswith("#")]
    # The limit is the process's, so it is only ever raised: other readers of CSV (a package's RECORD) live with it.
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    found = []
    for row in csv.reader(io.StringIO("".join(lines), newline=""), delimiter=separator):
        if row:
            found.append([cell[:_LONGEST_CELL] for cell in row[:_MOST_COLUMNS]])
        if len(found) > _MOST_ROWS + 1:
            break
    columns = found.pop(0) if has_header and found else []
    width = max([len(columns), *map(len, found[:_MOST_ROWS])], default=0)
    columns += [str(number) for number in range(len(columns) + 1, width + 1)]
    return {
        "kind": "table",
        "columns": columns,
        "rows": found[:_MOST_ROWS],
        "more": not is_whole or len(found) > _MOST_ROWS,
    }
