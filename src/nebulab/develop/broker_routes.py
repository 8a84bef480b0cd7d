"""The page of Galaxy's routes and the broker's verdict on each; runs in a checkout.

`python -m nebulab.develop.broker_routes` writes the page from the list of routes that is kept beside the broker's
tests; with `--galaxy PYTHON`, the Python of an environment with Galaxy, it writes that list first.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import click

from nebulab import checkout
from nebulab.develop import galaxy_routes
from nebulab.errors import InstallError
from nebulab.session.broker import allowed

PAGE = Path("docs", "broker-routes.md")
"""The page, in a checkout."""
LIST = Path("tests", "unit", "session", "broker", "galaxy_routes.txt")
"""Galaxy's version, and one route a line with its methods, in a checkout."""
COMMAND = ".venv/bin/python -m nebulab.develop.broker_routes"
"""The command that writes the page anew."""

_USER = "/api/users/{user_id}"
_ID = "10d9edbc80757ab6"
_HEAD = """\
# What passes the broker
Made by `{command}` from the routes of Galaxy {version} and the list in
`src/nebulab/session/broker/allowed.py`; a test compares the two. With `--galaxy PYTHON`, the Python of an environment
that has another Galaxy, it reads that one's routes first.

A session's token serves what the column *passes* names: {passing} of {all} requests. The rest is answered with 403 and
the reason, before Galaxy hears of it. Of what passes, query, headers and body are judged too, and written anew:

- no name that speaks for others, names a file of the server, publishes, or brings tools along
  ({names} …), at any depth of JSON, forms, or texts that hold JSON;
- in the address of a request that changes something, only the parameters of that route (Galaxy's older routes take any
  other for a part of the body);
- addresses only of the web, and none that is of the server's own network by its look.
"""


@dataclass(frozen=True)
class Verdict:
    """A route of Galaxy's: which of its methods pass, which are refused, and why."""

    path: str
    passing: tuple[str, ...]
    refused: tuple[str, ...]
    reason: str


def sample(path: str) -> Iterator[str]:
    """Yield sample paths, decoded, that match the route `path`."""
    for kind in ("dataset", "dataset_collection") if "{type}" in path else ("",):
        yield re.sub(r"\{[^}]*\}", _ID, path.replace("{type}", kind))
    if path.startswith(_USER):
        yield re.sub(r"\{[^}]*\}", _ID, path.replace(_USER, "/api/users/current", 1))


def listed(text: str) -> Iterator[tuple[str, str]]:
    """Yield method and path of every route of a list."""
    for line in text.splitlines()[1:]:
        path, *methods = line.split()
        yield from ((method, path) for method in methods)


def verdicts(text: str) -> list[Verdict]:
    """Return the broker's verdict on every route of a list."""
    found = []
    for path, routes in groupby(listed(text), key=lambda route: route[1]):
        methods = [method for method, _ in routes]
        passing = tuple(method for method in methods if any(allowed.find(method, address) for address in sample(path)))
        refused = tuple(method for method in methods if method not in passing)
        found.append(Verdict(path, passing, refused, allowed.reason(next(sample(path))) if refused else ""))
    return found


def page(text: str) -> str:
    """Return the page for a list of routes, as Markdown."""
    rows = verdicts(text)
    head = _HEAD.format(
        command=COMMAND,
        version=text.partition("\n")[0],
        passing=sum(len(row.passing) for row in rows),
        all=sum(len(row.passing) + len(row.refused) for row in rows),
        names=", ".join(
            f"`{name}`" for name in ("run_as", "from_path", "src: path", "published", "tool_representation")
        ),
    )
    parts = [head, "## What passes\n", _table(row for row in rows if row.passing)]
    parts.append("## What does not\n")
    for reason in sorted({row.reason for row in rows if not row.passing}):
        paths = [row.path for row in rows if not row.passing and row.reason == reason]
        shown = [f"`{path}`" for path in paths if path.startswith("/api")]
        if len(shown) < len(paths):
            shown.append("every address outside of `/api` but one")
        parts.append(f"**{reason[0].upper()}{reason[1:]}** ({len(paths)}): {' · '.join(shown)}\n")
    return "\n".join(parts)


def _table(rows: Iterable[Verdict]) -> str:
    lines = ["| route | passes | is refused | why |", "|---|---|---|---|"]
    for row in rows:
        only = " as `current`" if row.path.startswith(_USER) else ""
        cells = f"`{row.path}`{only}", " ".join(row.passing), " ".join(row.refused) or "–", row.reason or "–"
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def routes_of(python: Path) -> str:
    """Return the list of routes of the Galaxy in whose environment `python` is.

    Raises
    ------
    InstallError
        There is no Galaxy, or its modules are laid out differently.
    """
    done = subprocess.run([python, galaxy_routes.__file__], capture_output=True, text=True)
    if done.returncode:
        raise InstallError(f"{python} can't list Galaxy's routes.", done.stderr[-2000:])
    return done.stdout


@click.command()
@click.option("--galaxy", type=click.Path(exists=True, path_type=Path), help="The Python of Galaxy's environment.")
def main(galaxy: Path | None) -> None:
    """Write the page, and before it the list of Galaxy's routes with --galaxy."""
    kept = checkout.root() / LIST
    if galaxy is not None:
        kept.write_text(routes_of(galaxy), encoding="utf-8")
    (checkout.root() / PAGE).write_text(page(kept.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
