"""The results of a training, ready for Galaxy at any moment; runs in the session."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from nebulab import contract
from nebulab.files import replace
from nebulab.session.layout import EXECUTED, Layout
from nebulab.session.outputs.collected import Collected, Elements, Linked, Lost, Tell
from nebulab.session.outputs.elements import Datatypes, name_elements
from nebulab.session.outputs.scan import scan

# Folders of the results, each a collection of the tool's; the files at the top are datasets.
COLLECTIONS = {
    "models": "onnx_models",
    "native_models": "native_models",
    "cards": "model_cards",
    "tables": "tables",
    "figures": "figures",
    "files": "files",
    contract.STEP_FILES: "step_files",
}
_BY_PATH = frozenset({contract.STEP_FILES})
"""Folders whose elements are named by their whole paths, at which a pipeline's next step lays them out."""
_ZIP = "files.zip"
_ARRAYS = "arrays.h5"
NOTEBOOK = "executed_notebook"
# Files at the top, each an output of the tool.
DATASETS = {
    "notebook.ipynb": NOTEBOOK,
    _ARRAYS: "outfile_output_arrays",
    _ZIP: "outfile_output_zip",
    contract.HARVEST_REPORT: "harvest_report",
    "log.txt": "run_log",
}


_MOST_SHOWN = 4
# Beside the notebook, the best first. The zip file holds what `files` holds, and log and report are for a closer look.
_BY_WORTH = (
    *("onnx_models", "native_models", "figures", "tables", "model_cards", "files"),
    "outfile_output_arrays",
)
_LONGEST_REPORT = 16 * 2**20


class Results(Collected):
    """The folders of results as collections, and the files beside them as the job's `datasets`.

    `name`, the program's, and `job_id`, Galaxy's, are put on recovered results.
    """

    def __init__(  # noqa: PLR0913 - each is given by name
        self,
        layout: Layout,
        datatypes: Datatypes,
        tell: Tell,
        *,
        datasets: Mapping[str, Path],
        max_outputs: int,
        name: str = "",
        job_id: str = "",
        disk_bytes: int | None = None,
    ) -> None:
        super().__init__(layout, datatypes, tell, max_outputs=max_outputs, disk_bytes=disk_bytes)
        self._datasets = datasets
        self._name = name
        self._job_id = job_id
        self._copied: dict[str, tuple[int, int]] = {}
        self._forgotten = False

    def begin(self, notebook: bytes) -> None:
        """Put `notebook` in the place of the executed notebook until there is one."""
        self._layout.mirror.mkdir(exist_ok=True)
        if EXECUTED in self._datasets:
            replace(self._datasets[EXECUTED], notebook)
        self._write_elements()

    def lost(self) -> list[Lost]:
        """Return every result, tagged with the job and with the output that it was to become."""
        results = self._lost_collections("recovered")
        for file, dataset in DATASETS.items():
            target = self._target(file)
            if target and not (file == _ZIP and _is_empty(self._layout.root / target)):
                element = {"name": file, "ext": PurePosixPath(file).suffix[1:], "filename": target}
                tags = (contract.job_tag(self._job_id), dataset)
                results.append(Lost(f"{file} of {self._name}, recovered", [element], is_collection=False, tags=tags))
        return results

    def made_before_failure(self) -> list[Lost]:
        """Return what is of use by itself: Galaxy marks each output of a failed job as failed, fit for no tool."""
        with self._lock:
            results = [output for output in self._lost_collections("made before it failed") if output.elements]
            target = self._target(_ARRAYS)
            if target and self._has_arrays():
                tags = (contract.job_tag(self._job_id), DATASETS[_ARRAYS])
                element = {"name": _ARRAYS, "ext": "h5", "filename": target}
                label = f"Arrays and numbers of {self._name}, made before it failed"
                results.append(Lost(label, [element], is_collection=False, tags=tags))
        return results

    def forget(self) -> None:
        """Have Galaxy collect none of the results, since they have come to the history already."""
        with self._lock:
            self._forgotten = True
            self._write_elements()

    def worth_showing(self) -> list[str]:
        """Return the notebook and the three best outputs that hold something; of a failed job the notebook alone."""
        empty = _BY_WORTH if self._forgotten else self.empty()
        return [NOTEBOOK, *(name for name in _BY_WORTH if name not in empty)][:_MOST_SHOWN]

    def empty(self) -> list[str]:
        """Return the collections without an element, and the file of arrays if there is none in it."""
        with self._lock:
            names = [name for name, elements in self._elements().items() if not elements]
            return names if self._has_arrays() else [*names, DATASETS[_ARRAYS]]

    def _has_arrays(self) -> bool:
        """Whether the report names a value in the file of arrays, which is written in any case."""
        link = self._links.get(PurePosixPath(contract.HARVEST_REPORT))
        if link is None or not link.target or link.file.size > _LONGEST_REPORT:
            return False
        try:
            counts = json.loads((self._layout.root / link.target).read_bytes())["counts"]
            return int(counts.get("array", 0)) > 0
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return False

    def _lost_collections(self, how: str) -> list[Lost]:
        results = []
        for output, elements in self._elements().items():
            tags = (contract.job_tag(self._job_id), output)
            label = f"{output.replace('_', ' ').capitalize()} of {self._name}, {how}"
            results.append(Lost(label.replace("Onnx", "ONNX"), elements, is_collection=True, tags=tags))
        return results

    def _update(self) -> None:
        changed = False
        present = set()
        for file, folder in scan(self._layout.results, self._refuse, everything=True):
            if file.path.name.startswith("."):
                continue
            present.add(file.path)
            link = self._links.get(file.path)
            if link is not None and (link.file.identity, link.file.version) == (file.identity, file.version):
                link.file = file
                continue
            target = self._link(file, folder, self._layout.results)
            if target is not None:
                self._links[file.path] = Linked(file, target)
                changed = True
        for path in self._links.keys() - present:
            del self._links[path]
            changed = True
        if self._leave_out() or changed:
            self._write_elements()
            self._copy_datasets()

    def _copy_datasets(self) -> None:
        for name, dataset in self._datasets.items():
            link = self._links.get(PurePosixPath(name))
            if link is not None and link.target and self._copied.get(name) != link.file.version:
                # A copy, since a dataset of its own must not change with the file; made by the disk where it can.
                replace(dataset, self._layout.root / link.target)
                self._copied[name] = link.file.version

    def _target(self, name: str) -> str:
        """Return the link of a file at the top, or nothing if it is not there or left out."""
        linked = self._links.get(PurePosixPath(name))
        return linked.target if linked is not None else ""

    def _write_elements(self) -> None:
        elements: dict[str, Elements] = (
            {name: [] for name in COLLECTIONS.values()} if self._forgotten else self._elements()
        )
        self._write(elements, (linked.target for linked in self._links.values()))

    def _elements(self) -> dict[str, Elements]:
        """Return the elements of each collection, altogether as many as Galaxy takes from one job."""
        content: dict[str, Elements] = {}
        free = self._max_outputs
        for folder, collection in COLLECTIONS.items():
            below = {path.relative_to(folder): path for path in self._kept() if path.parts[0] == folder}
            if len(below) > free:
                self._say_number(
                    folder,
                    len(below),
                    f"There are {len(below)} {folder}, and Galaxy takes {self._max_outputs} files from one job.",
                )
            elements: Elements = []
            for element in name_elements(list(below), self._datatypes)[:free]:
                target = self._links[below[element.path]].target
                # A model's name has its extension, as workflows of the tool's version 0.0.1 name it.
                name = contract.model_element(element.path.stem) if folder == "models" else element.identifier
                if folder in _BY_PATH:
                    name = str(element.path)
                elements.append({"name": name, "ext": element.extension or self._sniffed(target), "filename": target})
            free -= len(elements)
            content[collection] = elements
        return content


def _is_empty(archive: Path) -> bool:
    """Galaxy can't take in a zip file that holds nothing."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return not opened.namelist()
    except (OSError, zipfile.BadZipFile):
        return False
