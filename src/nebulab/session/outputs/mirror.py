"""The mirror: a session's outputs as hard links, ready for Galaxy at any moment; runs in the session."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from nebulab.files import replace
from nebulab.session.journal import shown
from nebulab.session.layout import Layout
from nebulab.session.outputs import cells
from nebulab.session.outputs.cloned import Repositories
from nebulab.session.outputs.collected import Collected, Elements, Linked, Lost, Tell
from nebulab.session.outputs.elements import Datatypes, Element, name_elements
from nebulab.session.outputs.scan import OUTPUTS_FOLDER, ScannedFile, is_notebook, is_output, scan
from nebulab.session.settings import DEFAULT_MAX_OUTPUTS

OUTPUTS = "output_collection"
NOTEBOOKS = "notebook_collection"
NOTEBOOK = "jupyter_notebook"
_PARSED_BYTES = 50 * 1024 * 1024
_REMEMBERED_BYTES = 20 * 1024 * 1024
"""Of notebooks whose cells are remembered at the start, which must stay quick."""
_WRITING_TRIES = 5
_WRITING_SECONDS = 0.05
_WRITTEN_NANOSECONDS = 5 * 10**9
"""A file that is no whole notebook for so long is none, and stands in no other's way."""
_RECOVERED = "Recovered from a session that Galaxy lost"


class Mirror(Collected):
    """A session's edited notebooks and `outputs/`, and the notebook that was saved last as the job's dataset."""

    def __init__(
        self,
        layout: Layout,
        datatypes: Datatypes,
        tell: Tell,
        *,
        notebook_output: Path | None = None,
        max_outputs: int = DEFAULT_MAX_OUTPUTS,
        disk_bytes: int | None = None,
    ) -> None:
        super().__init__(layout, datatypes, tell, max_outputs=max_outputs, disk_bytes=disk_bytes)
        self._notebook_output = notebook_output
        self._untouched: dict[PurePosixPath, tuple[int, int]] = {}
        self._cells: dict[PurePosixPath, bytes] = {}
        self._repositories = Repositories(layout.work)
        self._stale = False
        self._copied: tuple[tuple[int, int, int], ...] | None = None

    def begin(self, notebook: bytes) -> None:
        """Remember the notebooks as they are before the user's first edit, and make `notebook` the dataset."""
        self._layout.outputs.mkdir(parents=True, exist_ok=True)
        self._layout.mirror.mkdir(exist_ok=True)
        room = _REMEMBERED_BYTES
        for file, folder in scan(self._layout.work, self._refuse):
            if is_notebook(file.path):
                self._untouched[file.path] = file.version
                if file.size <= room and (digest := cells.digest(file, folder)) is not None:
                    self._cells[file.path] = digest
                    room -= file.size
        if self._notebook_output is not None:
            replace(self._notebook_output, notebook)
        self._write_elements()

    def lost(self) -> list[Lost]:
        """Return the outputs, as one collection, and every edited notebook."""
        notebooks = self._notebooks()
        return [
            *(Lost(f"{notebook['name']}.ipynb", [notebook], is_collection=False) for notebook in notebooks),
            Lost(_RECOVERED, self._outputs(len(notebooks)), is_collection=True),
        ]

    def worth_showing(self) -> list[str]:
        """Return the notebook, and the collections that hold something."""
        return [NOTEBOOK, *({OUTPUTS, NOTEBOOKS} - set(self.empty()))]

    def empty(self) -> list[str]:
        """Return the collections that hold nothing."""
        with self._lock:
            notebooks = self._notebooks()
            content = {OUTPUTS: self._outputs(len(notebooks)), NOTEBOOKS: notebooks}
        return [name for name, elements in content.items() if not elements]

    def _update(self) -> None:
        self._link_files()
        # The list first: on a full disk there may be room for it, and none for the copy of a notebook.
        if self._stale:
            self._write_elements()
            self._stale = False
        self._copy_notebook()

    def _link_files(self) -> None:
        """Link files that are new or were replaced, and mark the list as stale if the elements changed."""
        seen: set[PurePosixPath] = set()
        for file, folder in scan(self._layout.work, self._refuse):
            if not is_output(file.path) and not (is_notebook(file.path) and self._is_edited(file, folder)):
                continue
            seen.add(file.path)
            linked = self._links.get(file.path)
            if linked is not None and linked.file.identity == file.identity:
                resized = linked.file.size != file.size
                linked.file = file
                if resized and linked.extension is not None:
                    linked.extension = None
                    self._stale = True
                continue
            target = self._link(file, folder, self._layout.work)
            if target is not None:
                self._links[file.path] = Linked(file, target)
                self._stale = True
        for path in self._links.keys() - seen:
            del self._links[path]
            self._stale = True
        self._stale |= self._leave_out()

    def _is_edited(self, file: ScannedFile, folder: int) -> bool:
        """Whether a notebook was changed in the session, by anything but Git, and by JupyterLab when it opened it."""
        if file.path in self._links:
            return True
        known = self._untouched.get(file.path)
        if known == file.version:
            return False
        if self._repositories.are_at_work_on(file):
            return False
        # At the first sight only: later Git knows of the user's own work too, once that is committed.
        if known is None and self._repositories.wrote(file):
            self._untouched[file.path] = file.version
            return False
        if self._has_the_same_cells(file, folder):
            self._untouched[file.path] = file.version
            return False
        return True

    def _has_the_same_cells(self, file: ScannedFile, folder: int) -> bool:
        if file.path not in self._cells:
            return False
        for _ in range(_WRITING_TRIES):
            found = cells.digest(file, folder)
            if found is not None:
                return found == self._cells[file.path]
            # JupyterLab is writing it at this moment.
            time.sleep(_WRITING_SECONDS)
        return False

    def _write_elements(self) -> None:
        notebooks = self._notebooks()
        self._write(
            {OUTPUTS: self._outputs(len(notebooks)), NOTEBOOKS: notebooks},
            (linked.target for linked in self._links.values()),
        )

    def _outputs(self, others: int) -> Elements:
        """Return the elements of `outputs/`: as many as Galaxy takes beside `others`."""
        below = {path.relative_to(OUTPUTS_FOLDER): path for path in self._kept() if is_output(path)}
        most = max(self._max_outputs - others, 0)
        if len(below) > most:
            self._say_number(
                "outputs",
                len(below),
                f"outputs/ holds {len(below)} files, and Galaxy takes {self._max_outputs} from one job: only the "
                f"first {most} will arrive. Pack them into one file, for example with shutil.make_archive.",
            )
        elements = name_elements(list(below), self._datatypes)[:most]
        return [self._element(element, below[element.path]) for element in elements]

    def _notebooks(self) -> Elements:
        edited = [path for path in self._kept() if not is_output(path)]
        return [self._element(element, element.path) for element in name_elements(edited, self._datatypes)]

    def _element(self, element: Element, path: PurePosixPath) -> dict[str, str]:
        linked = self._links[path]
        extension = element.extension
        if extension is None:
            if linked.extension is None:
                linked.extension = self._sniffed(linked.target)
            extension = linked.extension
        return {"name": element.identifier, "ext": extension, "filename": linked.target}

    def _copy_notebook(self) -> None:
        """Make the notebook that was saved last the job's first dataset; one without content only if all are."""
        edited = [self._links[path] for path in self._kept() if is_notebook(path)]
        if self._notebook_output is None or not edited:
            return
        edited.sort(key=lambda linked: linked.file.modified, reverse=True)
        version = tuple((*linked.file.identity, linked.file.modified) for linked in edited)
        if version == self._copied:
            return
        empty: bytes | None = None
        for linked in edited:
            content = self._read_notebook(linked)
            if content is None:
                young = time.time_ns() - linked.file.modified < _WRITTEN_NANOSECONDS
                if young and linked.file.size <= _PARSED_BYTES:
                    # JupyterLab is writing it at this moment: the next scan looks again.
                    return
            elif has_cells(content):
                break
            elif empty is None:
                empty = content
        else:
            content = empty
        if content is not None:
            replace(self._notebook_output, content)
        self._copied = version

    def _read_notebook(self, linked: Linked) -> bytes | None:
        """Return a notebook's content once it is whole; None for one that is none, or too large to be looked into."""
        if linked.file.size > _PARSED_BYTES:
            self._say_once(
                f"{shown(linked.file.path)} is larger than {_PARSED_BYTES >> 20} MB: it is kept among the edited "
                "notebooks, and is not chosen as the session's notebook. Clear its outputs to make it smaller."
            )
            return None
        for _ in range(_WRITING_TRIES):
            try:
                content = (self._layout.root / linked.target).read_bytes()
            except OSError:
                return None
            if is_whole_notebook(content):
                return content
            # JupyterLab is writing it at this moment.
            time.sleep(_WRITING_SECONDS)
        return None


def is_whole_notebook(content: bytes) -> bool:
    """Whether `content` is a notebook to its end, not one that is just being written."""
    return _notebook(content) is not None


def has_cells(content: bytes) -> bool:
    """Whether a notebook has a cell in which something stands: JupyterLab gives a new one an empty cell."""
    cells = (_notebook(content) or {}).get("cells")
    return isinstance(cells, list) and any(isinstance(cell, dict) and _text(cell).strip() for cell in cells)


def _text(cell: Mapping[str, object]) -> str:
    source = cell.get("source")
    return "".join(map(str, source)) if isinstance(source, list) else str(source or "")


def _notebook(content: bytes) -> dict[str, Any] | None:
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return notebook if isinstance(notebook, dict) and "cells" in notebook else None
