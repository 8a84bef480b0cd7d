"""Files that a notebook wrote into the working folder, as files and as one zip; runs in a batch job."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nebulab import contract
from nebulab.files import Extent, matching, uncopyable

FILES, ZIP = "files", "files.zip"
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "galaxy_inputs"})
_MOST = 10_000
_DEEPEST = 200


@dataclass
class Collected:
    """Paths below the working folder: the files kept, and those refused with the reason."""

    kept: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


Snapshot = dict[str, tuple[int, int]]


def snapshot(work: Path) -> Snapshot:
    """Return the modification time and size of every file, before the first cell."""
    found = {str(path.relative_to(work)): status for path, status in _walk(work)}
    return {name: (status.st_mtime_ns, status.st_size) for name, status in found.items() if status is not None}


def collect(
    work: Path,
    before: Snapshot,
    results: Path,
    *,
    besides: frozenset[Path],
    most: int = _MOST,
    disk_bytes: int | None = None,
) -> Collected:
    """Put every new or changed file into `results/files` and `results/files.zip`.

    Hard links where the disk can make them, so that large files cost nothing twice. Links that lead elsewhere, and what
    is no file with content, are refused; so are files of holes whose copies would not fit into `disk_bytes` or on the
    disk. `besides` are the runner's own files. `results` may lie in the working folder.
    """
    collected = Collected()
    target = results / FILES
    if target.exists():
        shutil.rmtree(target)
    # Listed before anything is written: what is written may lie in the working folder too.
    found = _new(work, before, results, collected.refused)
    for path in besides:
        found.pop(os.path.relpath(path, work), None)
    extents = {name: Extent.of(status) for name, (_, status) in found.items()}
    for name in uncopyable(extents, limit=disk_bytes, free=shutil.disk_usage(results).free):
        del found[name]
        collected.refused[name] = f"{extents[name].length / 2**30:.1f} GB with its holes: save it in a compressed form"
    with zipfile.ZipFile(results / ZIP, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as archive:
        for name, (path, _) in found.items():
            if len(collected.kept) >= most:
                collected.refused[name] = f"more than {most:,} files: a setting limits their number"
                continue
            try:
                _link(path, target / name)
                archive.write(target / name, name)
                collected.kept.append(name)
            # RuntimeError: it has grown by gigabytes since its header was written.
            except (OSError, ValueError, RuntimeError) as error:
                collected.refused[name] = getattr(error, "strerror", None) or str(error)
    return collected


def collect_for_later(wanted: Path, results: Path) -> list[str]:
    """Put the files that a pipeline's later steps need into `results/step_files`; return the patterns without a file.

    `wanted` is a file of JSON with the `folder` that the `patterns` start from. What is a link is copied: a step may
    hand on what it was given.
    """
    asked = json.loads(wanted.read_text(encoding="utf-8"))
    folder, target = Path(asked["folder"]), results / contract.STEP_FILES
    if target.exists():
        shutil.rmtree(target)
    missing = []
    for pattern in asked["patterns"]:
        found = list(matching(folder, pattern))
        for name in found:
            if (folder / name).is_symlink():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, target / name)
            else:
                _link(folder / name, target / name)
        if not found:
            missing.append(pattern)
    return missing


def _new(
    work: Path, before: Snapshot, results: Path, refused: dict[str, str]
) -> dict[str, tuple[Path, os.stat_result]]:
    """Return the new and changed files by their names below `work`; what is none is `refused` with the reason."""
    found = {}
    for path, status in _walk(work, besides=results):
        name = str(path.relative_to(work))
        if status is None:
            refused[name] = "a folder that lies too deep: move it up"
            continue
        if before.get(name) == (status.st_mtime_ns, status.st_size):
            continue
        if stat.S_ISREG(status.st_mode):
            found[name] = path, status
        elif not stat.S_ISLNK(status.st_mode):
            refused[name] = "no file with content"
        elif name not in before:
            refused[name] = "a link: copy the file instead"
    return found


def _walk(work: Path, besides: Path | None = None) -> Iterator[tuple[Path, os.stat_result | None]]:
    """Yield every file with its status; a folder that is not walked, since it lies too deep, with None."""
    pending = [work]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder) as entries:
                listing = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        if any(entry.name == "pyvenv.cfg" for entry in listing):
            continue
        too_deep = len(folder.parts) - len(work.parts) >= _DEEPEST
        folders = []
        for entry in listing:
            path = folder / entry.name
            if entry.name.startswith("."):
                continue
            if not entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    yield path, entry.stat(follow_symlinks=False)
            elif too_deep:
                yield path, None
            elif entry.name not in _SKIPPED and path != besides:
                folders.append(path)
        pending.extend(reversed(folders))


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copyfile(source, target, follow_symlinks=False)
