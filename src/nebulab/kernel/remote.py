"""`run_script_job`: a notebook's code as a job of Galaxy, and its failure told as failure; runs in the kernel."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bioblend.galaxy import GalaxyInstance

from nebulab import contract
from nebulab.errors import DatasetNotFound, GalaxyError, TransferError
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.contents import Item
from nebulab.galaxy.settings import GalaxySettings
from nebulab.galaxy.upload import Upload, upload
from nebulab.galaxy.waiting import job_failure, verify_upload, wait_for_item, wait_for_job
from nebulab.kernel.connecting import connect
from nebulab.kernel.display import COMPUTING, Bar, Wait
from nebulab.kernel.packages import SESSION, Packages, requirements

_CODE_NAME = "extracted_code.py"


def run_script_job(  # noqa: PLR0913 - the predecessor's arguments, and one more
    script_path: str,
    data_paths: Any,
    server: str | None,
    key: str | None,
    new_history_name: str,
    tool_name: str,
    packages: Packages = SESSION,
) -> dict[str, Any]:
    """See `nebulab.kernel.run_script_job`."""
    code = notebook_code(Path(script_path))
    keras2 = uses_keras2(Path(script_path))
    wanted = requirements(packages)
    galaxy = Galaxy(GalaxySettings(server, key)) if server and key else connect()
    named = list(data_paths)
    files = [Path(name) for name in named]
    history: str = galaxy.post("histories", {"name": new_history_name})["id"]
    sent = [(upload(galaxy, history, Upload(file), progress=Bar()), file) for file in files]
    with tempfile.TemporaryDirectory(prefix="nebulab-job-") as folder:
        script = Path(folder) / _CODE_NAME
        script.write_text(code)
        sent.append((upload(galaxy, history, Upload(script, ext="txt")), script))
        *datasets, code_dataset = [_taken_in(galaxy, item, file) for item, file in sent]
    inputs: dict[str, Any] = {
        "ml_h5_dataset_paths": ",".join(named) if named else None,
        "ml_h5_datasets": [{"src": "hda", "id": item.id} for item in datasets] or None,
        "select_file": {"src": "hda", "id": code_dataset.id},
    }
    if wanted:
        inputs["run|requirements"] = wanted
    if keras2:
        inputs["run|keras2"] = True
    started = _start(galaxy, history, tool_name, inputs)
    for job in started["jobs"]:
        ended = wait_for_job(galaxy, job["id"], seen=Wait(Path(script_path).name, COMPUTING).look)
        if ended["state"] != "ok":
            raise job_failure(galaxy, ended)
    client = GalaxyInstance(galaxy.url, galaxy.settings.key).jobs
    return {"job_client": client, "e_job": started}


def notebook_code(path: Path) -> str:
    """Return the code of a notebook, one cell after another, or the text of a script.

    Raises
    ------
    TransferError
        The file can't be read as a notebook.
    """
    try:
        text = path.read_text()
        if path.suffix != ".ipynb":
            return text
        cells = json.loads(text)["cells"]
        sources = [cell.get("source") or "" for cell in cells if cell["cell_type"] == "code"]
        return "".join(f"{source if isinstance(source, str) else ''.join(source)}\n\n" for source in sources)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TransferError(f"{path} can't be read as a notebook: {error}.", "Save it, and check its path.") from error


def uses_keras2(path: Path, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a notebook or a script runs with Keras 2: it was saved so, or is sent from a kernel that has it."""
    if environment.get(contract.LEGACY_KERAS) == "1":
        return True
    try:
        saved = json.loads(path.read_text())["metadata"]["kernelspec"]["name"] if path.suffix == ".ipynb" else ""
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(saved == contract.KERAS2)


def _taken_in(galaxy: Galaxy, item: Item, file: Path) -> Item:
    ready = wait_for_item(galaxy, item, seen=Wait(item.name).look)
    verify_upload(ready, file.stat().st_size)
    return ready


def _start(galaxy: Galaxy, history: str, tool: str, inputs: dict[str, Any]) -> dict[str, Any]:
    try:
        started: dict[str, Any] = galaxy.post("tools", {"history_id": history, "tool_id": tool, "inputs": inputs})
    except DatasetNotFound as error:
        raise GalaxyError(
            f"{galaxy.url} has no tool {tool!r}.", "Its administrators can install it; see tool_name=…", error.status
        ) from error
    return started
