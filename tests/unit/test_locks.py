"""Each lock holds what its list names, in a version that the list allows: an edited list is in several locks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
OVERRIDES = {
    "cuda12": "cuda",
    "tensorflow-cuda12": "cuda",
    "torch-jax-cuda13": "cuda13",
}
"""Locks whose overrides have another name."""
LISTS = sorted(path for path in REQUIREMENTS.rglob("*.in") if path.with_suffix(".txt").exists())


def listed(path: Path) -> Iterator[Requirement]:
    """Yield the requirements of a list, and of the lists that it includes."""
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            yield from listed(path.parent / text.removeprefix("-r ").strip())
        elif text and not text.startswith("-"):
            yield Requirement(text)


def overridden(path: Path) -> set[str]:
    """Return the names of packages that the list's overrides replace."""
    file = path.with_name(f"{OVERRIDES.get(path.stem, path.stem)}.overrides.txt")
    return {canonicalize_name(each.name) for each in listed(file)} if file.exists() else set()


def pinned(lock: Path) -> dict[str, list[str]]:
    """Return the versions in a lock by the package's name; markers may choose between several."""
    versions: dict[str, list[str]] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line[:1].isalnum():
            name, _, version = line.split()[0].partition("==")
            versions.setdefault(canonicalize_name(name.partition("[")[0]), []).append(version)
    return versions


@pytest.mark.parametrize("path", LISTS, ids=lambda path: str(path.relative_to(REQUIREMENTS)))
def test_a_lock_holds_what_its_list_names(path: Path) -> None:
    versions = pinned(path.with_suffix(".txt"))
    overrides = overridden(path)
    stale = [
        str(requirement)
        for requirement in listed(path)
        if (name := canonicalize_name(requirement.name)) not in overrides
        and not any(requirement.specifier.contains(version, prereleases=True) for version in versions.get(name, ()))
    ]
    assert stale == [], f"compile {path.name} anew: CONTRIBUTING.md tells how"
