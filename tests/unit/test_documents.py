"""What documents and docstrings refer to is there; `docs/architecture.md` names every file of the two large rooms."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
SOURCES = CHECKOUT / "src"
DOCUMENTS = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md"), CHECKOUT / "lab-extension" / "README.md"])
CODE = sorted(path for folder in ("src", "bench", "deploy") for path in (CHECKOUT / folder).rglob("*.py"))
TEXTS = [*DOCUMENTS, *CODE, *CHECKOUT.glob("deploy/*/*.*"), *CHECKOUT.glob("galaxy-tools/*.xml")]
ROOTS = (CHECKOUT, SOURCES / "nebulab", SOURCES)
"""Where the path of a file may begin."""

_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
_MODULE = re.compile(r"`(nebulab(?:\.\w+)+)")
_FILE = re.compile(r"`((?:[\w-]+/)+[\w-]+\.(?:py|sh|xml|yml|toml|md|service))`")
_VARIABLE = re.compile(r"^NEBULAB_\w+=(?!.*\./nebulab ).*$", re.MULTILINE)
"""A line of a file with variables, not of a command that is given one."""
_OF_GALAXY = frozenset({"metadata/set.py"})


def relative(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def headings(path: Path) -> set[str]:
    """Return the anchors of a document's headings."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def defines(name: str) -> bool:
    """Whether `nebulab.….name` is a module, or a name that one defines or imports, at any depth."""
    parts = name.split(".")
    rest: list[str] = []
    while parts:
        place = SOURCES.joinpath(*parts)
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                text = file.read_text(encoding="utf-8")
                return all(re.search(rf"\b{attribute}\b", text) for attribute in rest)
        rest.append(parts.pop())
    return False


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    broken = []
    for file, heading in _LINK.findall(path.read_text(encoding="utf-8")):
        target = path.parent / file if file else path
        if not target.exists() or (heading and heading not in headings(target)):
            broken.append(f"{file}#{heading}")
    assert broken == []


def test_lines_of_files_with_variables_can_be_copied_as_they_are() -> None:
    """Neither systemd's EnvironmentFile nor `docker --env-file` knows a comment behind a value."""
    lines = {line for path in DOCUMENTS for line in _VARIABLE.findall(path.read_text(encoding="utf-8"))}
    assert len(lines) > 10
    assert {line for line in lines if re.search(r"\s#", line)} == set()


def test_modules_that_texts_name_are_there() -> None:
    named = {(relative(path), name) for path in TEXTS for name in _MODULE.findall(path.read_text(encoding="utf-8"))}
    assert len(named) > 20
    assert [f"{path}: {name}" for path, name in sorted(named) if not defines(name)] == []


def test_files_that_texts_name_are_there() -> None:
    named = {(relative(path), file) for path in TEXTS for file in _FILE.findall(path.read_text(encoding="utf-8"))}
    assert len(named) > 20
    gone = [
        f"{path}: {file}"
        for path, file in sorted(named)
        if file not in _OF_GALAXY and not any((root / file).is_file() for root in ROOTS)
    ]
    assert gone == []


@pytest.mark.parametrize("room", ["session", "stack"])
def test_the_architecture_names_every_file_of_a_large_room(room: str) -> None:
    words = set(re.findall(r"`(\w+)`", (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")))
    files = {path.stem for path in (SOURCES / "nebulab" / room).rglob("*.py")} - {"__init__"}
    assert sorted(files - words) == []


def test_a_module_that_is_gone_is_noticed() -> None:
    assert defines("nebulab.session.broker.server.Broker")
    assert not defines("nebulab.session.broker.access")
    assert not defines("nebulab.nowhere")
