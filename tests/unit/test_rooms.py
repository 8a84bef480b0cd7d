"""The rooms of the code and the arrows between them are those that `docs/architecture.md` lists.

A room is a folder or a file right in `nebulab`, and in its two largest folders, `session` and `stack`, each folder and
file. Every import is an arrow, also one inside a function or for type checkers alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from nebulab.cli import COMMANDS

CHECKOUT = Path(__file__).parents[2]
PACKAGE = CHECKOUT / "src" / "nebulab"
ARCHITECTURE = CHECKOUT / "docs" / "architecture.md"
EVERYWHERE = frozenset({"contract", "errors", "variables"})
"""May be imported by every room, and are not listed for each."""
DIVIDED = ("session", "stack")
MOST_FILES = 16
"""Modules of one folder: with more, a newcomer has to read names instead of folders."""
MORE_FILES = {
    "cli": len(COMMANDS) + 3,  # one file a command, `access course`, `access limits`, and the options that they share
}


def modules() -> dict[str, Path]:
    """Return every module's file by its dotted name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join((PACKAGE.name, *(part for part in parts if part != "__init__")))] = path
    return found


MODULES = modules()


def imported(path: Path) -> Iterator[str]:
    """Yield the modules of this package that a file imports."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: modules are imported by their whole names"
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                if whole in MODULES:
                    yield whole
                elif node.module in MODULES:
                    yield str(node.module)


@cache
def arrows_between_modules() -> dict[str, set[str]]:
    """Return every module with the modules that it imports: read once, and not while tests are collected."""
    return {name: set(imported(path)) - {name} for name, path in MODULES.items()}


def room(module: str) -> str:
    """Return the room of a module, or nothing: the package itself holds the version alone."""
    _, *parts = module.split(".")
    if parts == ["__main__"]:
        return "cli"
    return ".".join(parts[: 2 if parts and parts[0] in DIVIDED else 1])


def rooms() -> dict[str, set[str]]:
    """Return every room with the rooms that it imports, as the code has them."""
    found: dict[str, set[str]] = {}
    for module, targets in arrows_between_modules().items():
        arrows = found.setdefault(room(module), set())
        arrows.update(map(room, targets))
    for place in ("", *DIVIDED):
        assert not found.pop(place) - {""}, f"the __init__.py of {place or 'nebulab'} imports something"
    return {name: arrows - {name, ""} - EVERYWHERE for name, arrows in found.items()}


def listed() -> dict[str, list[str]]:
    """Return every room with the rooms that it may import, as the documentation has them, in its order."""
    block = re.search(r"^```rooms\n(.*?)^```", ARCHITECTURE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert block, "docs/architecture.md has no list of rooms"
    found = {}
    for line in block[1].splitlines():
        name, _, arrows = line.partition("->")
        assert name.strip() not in found, f"{name.strip()} is listed twice"
        found[name.strip()] = [arrow.strip() for arrow in arrows.split(",") if arrow.strip()]
    return found


def circle(arrows: Mapping[str, set[str]]) -> list[str]:
    """Return modules or rooms that import one another in a circle, or nothing."""
    done: set[str] = set()

    def follow(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for target in sorted(arrows.get(name, ())):
            if found := follow(target, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(arrows) if (found := follow(name, []))), [])


def test_no_two_modules_import_each_other() -> None:
    assert " -> ".join(circle(arrows_between_modules())) == ""


def test_no_two_rooms_import_each_other() -> None:
    assert " -> ".join(circle(rooms())) == ""


def test_every_room_is_listed() -> None:
    assert sorted(listed()) == sorted(rooms())


def test_a_room_imports_only_what_is_listed_for_it() -> None:
    allowed = listed()
    wrong = {name: more for name, arrows in rooms().items() if (more := arrows - set(allowed.get(name, ())))}
    assert wrong == {}, "import it otherwise, or add the arrow to docs/architecture.md if it points down"


def test_what_is_listed_is_there() -> None:
    there = rooms()
    gone = {name: less for name, arrows in listed().items() if (less := set(arrows) - there.get(name, set()))}
    assert gone == {}, "take the arrow out of docs/architecture.md"


def test_arrows_point_down() -> None:
    order = list(listed())
    up = [
        f"{name} -> {arrow}"
        for name, arrows in listed().items()
        for arrow in arrows
        if order.index(arrow) < order.index(name)
    ]
    assert up == []


def folders() -> list[str]:
    return sorted({".".join(path.parent.relative_to(PACKAGE).parts) for path in MODULES.values()})


@pytest.mark.parametrize("folder", folders())
def test_a_folder_can_be_read_at_a_glance(folder: str) -> None:
    files = [path for path in (PACKAGE / folder.replace(".", "/")).glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= MORE_FILES.get(folder, MOST_FILES)


TESTED = ("harvest", "kernel", "models", "notebooks")
"""Rooms whose modules have a file of unit tests each, in the same place below `tests/unit`; `inside/` is for what needs
the kernels' environment."""


@pytest.mark.parametrize("name", TESTED)
def test_each_module_has_unit_tests_of_its_own(name: str) -> None:
    missing = []
    for path in sorted((PACKAGE / name).rglob("*.py")):
        folder = CHECKOUT / "tests" / "unit" / path.relative_to(PACKAGE).parent
        places = (folder / f"test_{path.name}", folder / "inside" / path.name)
        if path.name != "__init__.py" and not any(_has_tests(place) for place in places):
            missing.append(str(path.relative_to(PACKAGE)))
    assert missing == []


def _has_tests(path: Path) -> bool:
    """Whether a file has tests, as pytest or `support.inside` finds them."""
    if not path.is_file():
        return False
    nodes = ast.parse(path.read_bytes()).body
    return any(isinstance(node, ast.FunctionDef) and node.name.startswith(("test_", "check_")) for node in nodes)


def test_the_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
