"""The page of all settings, made from where they are declared; runs in a checkout, as `python -m nebulab.manual`."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from nebulab import checkout, contract, notebooks
from nebulab.cli import lab, up
from nebulab.develop import tests
from nebulab.kernel.settings import KernelSettings
from nebulab.laptop import settings as laptop
from nebulab.portal.settings import PortalSettings
from nebulab.session import credentials, standalone
from nebulab.session.page import Page
from nebulab.session.settings import SessionSettings
from nebulab.stack import places
from nebulab.variables import Setting, declared

PAGE = Path("docs", "settings.md")
"""The page, in a checkout."""
COMMAND = ".venv/bin/python -m nebulab.manual"
"""The command that writes the page anew."""

_HEAD = f"""\
# Settings
Made from the code by `{COMMAND}`; edit the declarations there instead. A variable that is not there, or
empty, means the default. A value that can't be used is an error that names the variable, the value and what is allowed.
"""
_VARIABLES = ("variable", "default", "may hold", "meaning")
_OPTIONS = ("option", "meaning")
_PYTHON = Setting(
    contract.PYTHON, "", unset="`python3`, else a newer one", help="The Python from which `./nebulab` makes `.venv`."
)
_SESSION = (
    credentials.KEY,
    credentials.KEY_FILE,
    credentials.TICKET_FILE,
    *declared(SessionSettings).values(),
)
_STANDALONE = (standalone.STATE, *declared(Page).values())
_CHAPTERS: tuple[tuple[str, str, Sequence[Setting]], ...] = (
    (
        "A session",
        "The environment of a job in Galaxy (`env` of a destination), of a container, or of `nebulab session`.",
        _SESSION,
    ),
    (
        "A session without Galaxy",
        "Beside those above: in [the image](image.md), and with `nebulab session --standalone`.",
        _STANDALONE,
    ),
    (
        "A kernel",
        "A session sets these for its kernels; elsewhere they are yours to set, before the kernel starts.",
        tuple(declared(KernelSettings).values()),
    ),
    ("`nebulab run`", "Its options: `nebulab run --help`.", (notebooks.MEMORY, notebooks.DISK)),
    (
        "`nebulab lab`",
        "A Lab without a container hands on the variables of a session, too. [More](laptop.md)",
        (laptop.ISOLATION, places.DATA, places.ENVIRONMENTS),
    ),
    ("`nebulab up`", "", (places.DATA, places.ENVIRONMENTS)),
    (
        "`nebulab portal`",
        "`nebulab access` reads them too. [More](offering-gpus.md)",
        tuple(declared(PortalSettings).values()),
    ),
    (
        "The tests",
        "[More](../CONTRIBUTING.md)",
        (tests.STACK, tests.SCREENSHOTS, tests.REQUIRE_ALL, tests.ENVIRONMENTS, _PYTHON),
    ),
)
_COMMANDS: Mapping[str, click.Command] = {"`nebulab lab`": lab.command, "`nebulab up`": up.command}


def page() -> str:
    """Return the page, as Markdown."""
    parts = [_HEAD]
    for title, remark, settings in _CHAPTERS:
        parts.append(f"## {title}\n{remark}\n\n" if remark else f"## {title}\n")
        parts.append(_table(_VARIABLES, map(_variable, settings)))
        if title in _COMMANDS:
            parts.append(_table(_OPTIONS, _options(_COMMANDS[title])))
    parts.append("## Set by Nebulab itself\nOne of its processes sets these for another; nobody else has to.\n\n")
    parts.append(_table(("variable", "meaning"), _handed_over()))
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def documented() -> set[str]:
    """Return the names of the variables on the page."""
    handed_over = {row[0].strip("`") for row in _handed_over()}
    return handed_over | {setting.name for _, _, settings in _CHAPTERS for setting in settings}


def _variable(setting: Setting) -> tuple[str, ...]:
    return f"`{setting.name}`", setting.unset or _default(setting.default), setting.kind.allowed, setting.help


def _default(value: Any) -> str:
    if value in (None, "", ()):
        return "–"
    if isinstance(value, tuple):
        value = ",".join(map(str, value))
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _options(command: click.Command) -> list[tuple[str, ...]]:
    context = click.Context(command, info_name=command.name)
    # Without click's own `--help`, whose names depend on how the command was called before.
    records = [parameter.get_help_record(context) for parameter in command.params if parameter.name != "help"]
    return [(f"`{record[0]}`", record[1]) for record in records if record is not None]


def _handed_over() -> list[tuple[str, ...]]:
    """Return the variables in `contract` that have a text below their name, each with its text."""
    body = ast.parse(Path(contract.__file__).read_text(encoding="utf-8")).body
    rows: list[tuple[str, ...]] = []
    for assigned, text in itertools.pairwise(body):
        match assigned, text:
            case (
                ast.Assign(value=ast.Constant(value=str(name))),
                ast.Expr(value=ast.Constant(value=str(meaning))),
            ) if name.startswith("NEBULAB_"):
                rows.append((f"`{name}`", meaning))
    return rows


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    (checkout.root() / PAGE).write_text(page(), encoding="utf-8")
