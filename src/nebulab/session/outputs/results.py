"""The results of a training, ready for Galaxy at any moment; runs in the session."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from nebulab import contract
from nebulab.files import replace
from nebulab.session.layout import EXECUTED, Layout
from nebulab.session.outputs.collected import Collected, Elements, Lost, Tell
from nebulab.session.outputs.elements import Datatypes, name_elements
from nebulab.session.outputs.scan import ScannedFile, scan

# Folders of the results, each a collection of the tool's; the files at the top are datasets.
COLLECTIONS = {
    "models": "onnx_models",
    "native_models": "native_models",
    "cards": "model_cards",
    "tables": "tables",
    "figures": "figures",
    "files": "files",
}
_ZIP = "files.zip"
# Files at the top, each an output of the tool.
DATASETS = {
    "notebook.ipynb": "executed_notebook",
    "arrays.h5": "outfile_output_arrays",
    _ZIP: "outfile_output_zip",
    contract.HARVEST_REPORT: "harvest_report",
    "log.txt": "run_log",
}


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
    ) -> None:
        super().__init__(layout, datatypes, tell, max_outputs)
        self._datasets = datasets
        self._name = name
        self._job_id = job_id
        self._links: dict[PurePosixPath, tuple[ScannedFile, str]] = {}
        self._copied: dict[str, tuple[int, int]] = {}

    def begin(self, notebook: bytes) -> None:
        """Put `notebook` in the place of the executed notebook until there is one."""
        self._layout.mirror.mkdir(exist_ok=True)
        if EXECUTED in self._datasets:
            replace(self._datasets[EXECUTED], notebook)
        self._write_elements()

    def lost(self) -> list[Lost]:
        """Return every result, tagged with the job and with the output that it was to become."""
        results = []
        for output, elements in self._elements().items():
            tags = (contract.job_tag(self._job_id), output)
            label = f"{output.replace('_', ' ').capitalize()} of {self._name}, recovered"
            results.append(Lost(label.replace("Onnx", "ONNX"), elements, is_collection=True, tags=tags))
        for file, dataset in DATASETS.items():
            link = self._links.get(PurePosixPath(file))
            if link is not None and not (file == _ZIP and _is_empty(self._layout.root / link[1])):
                element = {"name": file, "ext": PurePosixPath(file).suffix[1:], "filename": link[1]}
                tags = (contract.job_tag(self._job_id), dataset)
                results.append(Lost(f"{file} of {self._name}, recovered", [element], is_collection=False, tags=tags))
        return results

    def _update(self) -> None:
        changed = False
        present = set()
        for file, folder in scan(self._layout.results, self._say_once, everything=True):
            if file.name.startswith("."):
                continue
            present.add(file.path)
            link = self._links.get(file.path)
            if link is not None and (link[0].identity, link[0].version) == (file.identity, file.version):
                continue
            target = self._link(file, folder, self._layout.results)
            if target is not None:
                self._links[file.path] = (file, target)
                changed = True
        for path in self._links.keys() - present:
            del self._links[path]
            changed = True
        if changed:
            self._write_elements()
            self._copy_datasets()

    def _copy_datasets(self) -> None:
        for name, dataset in self._datasets.items():
            link = self._links.get(PurePosixPath(name))
            if link is not None and self._copied.get(name) != link[0].version:
                # A copy, since a dataset of its own must not change with the file; made by the disk where it can.
                replace(dataset, self._layout.root / link[1])
                self._copied[name] = link[0].version

    def _write_elements(self) -> None:
        self._write(self._elements(), (target for _, target in self._links.values()))

    def _elements(self) -> dict[str, Elements]:
        """Return the elements of each collection, altogether as many as Galaxy takes from one job."""
        content: dict[str, Elements] = {}
        free = self._max_outputs
        for folder, collection in COLLECTIONS.items():
            below = {path.relative_to(folder): path for path in self._links if path.parts[0] == folder}
            if len(below) > free:
                self._say_once(
                    f"There are {len(below)} {folder}, and Galaxy takes {self._max_outputs} files from one job."
                )
            elements: Elements = []
            for element in name_elements(list(below), self._datatypes)[:free]:
                _, target = self._links[below[element.path]]
                # A model's name has its extension, as workflows of the tool's version 0.0.1 name it.
                name = contract.model_element(element.path.stem) if folder == "models" else element.identifier
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
