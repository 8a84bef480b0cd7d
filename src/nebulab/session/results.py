"""What a notebook that runs as a job has made, ready for Galaxy at every moment; runs in the session.

As the mirror does for sessions: hard links in a folder that the sandbox can't write to, and the list of elements
rewritten atomically.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from nebulab.session.job import EXECUTED
from nebulab.session.mirror import Tell, link_file, replace
from nebulab.session.outputs import SNIFFED_BYTES, Datatypes, name_elements
from nebulab.session.scan import Found, scan
from nebulab.session.settings import Layout

# Folders of the results, each a collection of the tool's; the files at the top are datasets.
COLLECTIONS = {
    "models": "onnx_models",
    "native_models": "native_models",
    "cards": "model_cards",
    "tables": "tables",
    "figures": "figures",
    "files": "files",
}
_MODEL_PREFIX = "onnx_model_"


class Results:
    """Keeps `galaxy.json` and the job's datasets up to date; every `update` is one scan."""

    def __init__(
        self, layout: Layout, datatypes: Datatypes, tell: Tell, *, datasets: Mapping[str, Path], max_outputs: int
    ) -> None:
        self.scan_seconds = 0.0
        self._layout = layout
        self._datatypes = datatypes
        self._tell = tell
        self._datasets = datasets
        self._max_outputs = max_outputs
        self._links: dict[PurePosixPath, tuple[Found, str]] = {}
        self._copied: dict[str, tuple[int, int]] = {}
        self._number = 0
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, notebook: bytes) -> None:
        """Make the program itself the executed notebook until there is one."""
        self._layout.mirror.mkdir(exist_ok=True)
        if EXECUTED in self._datasets:
            replace(self._datasets[EXECUTED], notebook)
        self._write_elements()

    def update(self) -> None:
        """Bring everything up to date."""
        with self._lock:
            start = time.monotonic()
            changed = False
            seen = set()
            for file, folder in scan(self._layout.results, self._say_once, everything=True):
                if file.name.startswith("."):
                    continue
                seen.add(file.path)
                known = self._links.get(file.path)
                if known is not None and (known[0].identity, known[0].version) == (file.identity, file.version):
                    continue
                self._number += 1
                target = link_file(file, folder, self._layout.results, self._layout.mirror / str(self._number))
                if target is not None:
                    self._links[file.path] = (file, target)
                    changed = True
            for path in self._links.keys() - seen:
                del self._links[path]
                changed = True
            if changed:
                self._copy_datasets()
                self._write_elements()
            self.scan_seconds = time.monotonic() - start

    def _copy_datasets(self) -> None:
        for name, dataset in self._datasets.items():
            known = self._links.get(PurePosixPath(name))
            if known is None or self._copied.get(name) == known[0].version:
                continue
            source = self._layout.root / known[1]
            beside = dataset.with_name(f".{dataset.name}.{os.getpid()}")
            try:
                # A copy, since a dataset of its own must not change with the file; made by the disk where it can.
                shutil.copyfile(source, beside)
                beside.replace(dataset)
            except OSError:
                with contextlib.suppress(OSError):
                    beside.unlink()
                raise
            self._copied[name] = known[0].version

    def _write_elements(self) -> None:
        content: dict[str, dict[str, list[dict[str, str]]]] = {}
        room = self._max_outputs
        for folder, collection in COLLECTIONS.items():
            below = {path.relative_to(folder): path for path in self._links if path.parts[0] == folder}
            elements: list[dict[str, str]] = []
            for one in name_elements(list(below), self._datatypes):
                if len(elements) >= room:
                    self._say_once(
                        f"There are {len(below)} {folder}, and Galaxy takes {self._max_outputs} files from one job."
                    )
                    break
                _, target = self._links[below[one.path]]
                name = f"{_MODEL_PREFIX}{one.identifier}" if folder == "models" else one.identifier
                elements.append({"name": name, "ext": one.extension or self._sniffed(target), "filename": target})
            room -= len(elements)
            content[collection] = {"elements": elements}
        replace(self._layout.metadata, json.dumps(content).encode())
        used = {Path(target).name for _, target in self._links.values()}
        for link in os.scandir(self._layout.mirror):
            if link.name not in used:
                Path(link.path).unlink()

    def _sniffed(self, target: str) -> str:
        try:
            with (self._layout.root / target).open("rb") as file:
                return self._datatypes.sniff(file.read(SNIFFED_BYTES))
        except OSError:
            return "data"

    def _say_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self._tell(message)
