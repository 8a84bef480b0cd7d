"""The portal's environment has what the portal imports: `requirements/portal.txt` is all that is installed there."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.utils import canonicalize_name

import nebulab

PACKAGE = Path(nebulab.__file__).parent
LOCK = PACKAGE.parents[1] / "requirements" / "portal.txt"


def modules(name: str, seen: set[str]) -> None:
    """Add a module of ours, and those that it imports, wherever in it."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if name in seen or not file.is_file():
        return
    seen.add(name)
    for imported in imports(file):
        if imported.startswith("nebulab"):
            modules(imported, seen)


def imports(file: Path) -> Iterator[str]:
    """Yield what a file imports: of other rooms only what it imports at once, since they try frameworks late."""
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree) if "portal" in file.relative_to(PACKAGE).parts else tree.body:
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{each.name}" for each in node.names)


def test_what_is_imported_is_in_the_lock() -> None:
    seen: set[str] = set()
    modules("nebulab.portal.terminal.access", seen)
    commands = [path for path in (PACKAGE / "cli").glob("*.py") if "dispatch.PORTAL" in path.read_text()]
    assert {"access.py", "backup.py", "portal.py", "restore.py"} <= {path.name for path in commands}
    for path in commands:
        modules(f"nebulab.cli.{path.stem}", seen)
    assert {"nebulab.galaxy.connection", "nebulab.portal.web.reviewing", "nebulab.portal.data.tables"} <= seen
    files = [PACKAGE.parent.joinpath(*name.split(".")) for name in seen]
    wanted = {
        name.partition(".")[0]
        for path in files
        for name in imports(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))
    } - {"nebulab", *sys.stdlib_module_names}
    lock = LOCK.read_text(encoding="utf-8")
    pinned = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==", lock, re.MULTILINE)}
    found = packages_distributions()
    missing = {name for name in wanted if pinned.isdisjoint(map(canonicalize_name, found.get(name, [name])))}
    assert missing == set()
