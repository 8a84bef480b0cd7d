"""`history.train`: a notebook as a job of Galaxy that outlives its session, and its handle; runs in the kernel."""

from __future__ import annotations

import html
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nebulab import contract
from nebulab.errors import DatasetNotFound, GalaxyError, NebulabError, SettingsError, TransferError
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.contents import Item, list_contents
from nebulab.galaxy.progress import Progress
from nebulab.galaxy.waiting import JOB_ENDED, job_failure, wait_for_job
from nebulab.kernel.datasets import Dataset
from nebulab.kernel.display import COMPUTING, Bar, Wait
from nebulab.kernel.packages import SESSION, Packages, requirements
from nebulab.kernel.runs.known import HistoryFiles

if TYPE_CHECKING:
    from nebulab.models.predictor import Predictor

_INPUT_NAME = re.compile(r"[A-Za-z0-9]+")
_CELL = re.compile(contract.CELL_RAN, re.MULTILINE)
_LOG_BYTES = 10_000_000
_TAIL_LINES = 8
_NOTHING_YET = 500
"""Galaxy's HTTP status while the job's folder does not exist yet, or no longer."""
_FIRST_POLL_SECONDS = 0.5
_LONGEST_POLL_SECONDS = 15.0

Inputs = Mapping[str, Any] | Sequence[str]


def train(  # noqa: PLR0913 - the arguments of History.train, by name
    galaxy: Galaxy,
    history_id: str,
    notebook: str | Path,
    *,
    inputs: Inputs = (),
    parameters: Mapping[str, Any] | None = None,
    gpus: int | None = None,
    name: str = "",
    time_limit: float | None = None,
    packages: Packages = SESSION,
    tool: str = contract.JOB_TOOL,
    progress: Callable[[], Progress] = Bar,
) -> Training:
    """See `nebulab.kernel.histories.History.train`; `progress` is called for what shows each file's upload."""
    path = Path(notebook).expanduser()
    if not path.is_file():
        raise TransferError(f"There is no notebook {str(notebook)!r}.", "Save it, and check its path.")
    known = HistoryFiles(galaxy, history_id, progress)
    label = name or path.name
    form: dict[str, Any] = {
        "select_file": known.reference(path, label=label, ext="ipynb" if path.suffix == ".ipynb" else "txt"),
        "run|parameters": _parameters(parameters) if parameters else "",
        "run|requirements": requirements(packages),
        "run|time_limit": time_limit / 60 if time_limit else None,
        "run|gpus": gpus,
    }
    if path.suffix != ".ipynb" and os.environ.get(contract.LEGACY_KERAS) == "1":
        # A notebook names its kernel itself.
        form["run|keras2"] = True
    form |= _inputs(inputs, known, path.parent)
    try:
        started = galaxy.post("tools", {"history_id": history_id, "tool_id": tool, "inputs": form})
    except DatasetNotFound as error:
        raise GalaxyError(
            f"{galaxy.url} has no tool {tool!r}.", "Its administrators can install it.", error.status
        ) from error
    return Training(galaxy, started["jobs"][0]["id"], label)


def trainings(galaxy: Galaxy, history_id: str, tool: str = contract.JOB_TOOL) -> list[Training]:
    """Return the trainings of a history, the newest first."""
    listed = galaxy.get("jobs", history_id=history_id, tool_id=tool, order_by="create_time")
    return [Training(galaxy, job["id"], "") for job in listed]


class Training:
    """One training on the cluster; it goes on without this kernel, and `history.trainings()` finds it again."""

    def __init__(self, galaxy: Galaxy, job_id: str, name: str) -> None:
        self._galaxy = galaxy
        self.id = job_id
        self._name = name
        self._job: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """What the training is called: the notebook's name, if it was given none."""
        if not self._name:
            source = self._look()["inputs"].get("select_file") or {}
            self._name = str(self._galaxy.get(f"datasets/{source['id']}")["name"]) if source else self.id
        return self._name

    @property
    def state(self) -> str:
        """`queued`, `running`, `ok`, `error`, `deleted` …, now."""
        return str(self._look()["state"])

    @property
    def ended(self) -> bool:
        """Whether it is over, well or not."""
        return self.state in JOB_ENDED

    @property
    def cell(self) -> tuple[int, int] | None:
        """How many cells have run, and how many there are; None before the first."""
        cells = _CELL.findall(self.log())
        return (int(cells[-1][0]), int(cells[-1][1])) if cells else None

    def log(self, lines: int | None = None) -> str:
        """Return the training's log so far, or its last `lines`."""
        if self._look()["state"] in JOB_ENDED:
            text = str(self._job.get("tool_stdout") or self._job.get("stdout") or "")
            failure = str(self._job.get("tool_stderr") or self._job.get("stderr") or "")
            text += failure if self._job["state"] == "error" else ""
        else:
            # Of a job that is not running yet Galaxy can't tell, and answers with an error.
            text = self._live_log() if self._job["state"] == "running" else ""
        return text if lines is None else "\n".join(text.splitlines()[-lines:])

    def wait(self, timeout: float | None = None) -> Training:
        """Wait until the training is over, at most `timeout` seconds, and return it.

        Raises
        ------
        DatasetFailed
            It failed; the message ends with the failing cell.
        DatasetNotReady
            The time is over; the training goes on.
        """
        ended = wait_for_job(self._galaxy, self.id, timeout, seen=Wait(self._name or self.id, COMPUTING).look)
        if ended["state"] != "ok":
            raise job_failure(self._galaxy, ended)
        return self

    def cancel(self) -> None:
        """End the training; its outputs are discarded."""
        self._galaxy.delete(f"jobs/{self.id}")

    @property
    def outputs(self) -> dict[str, Dataset]:
        """What the training makes, by the names of the tool: `executed_notebook`, `onnx_models`, `tables` …"""
        job = self._look()
        kinds = (("outputs", "dataset"), ("output_collections", "dataset_collection"))
        datasets = {}
        recovered = self._recovered()
        for key, kind in kinds:
            for name, reference in (job.get(key) or {}).items():
                if name in recovered:
                    datasets[name] = Dataset(self._galaxy, recovered[name])
                    continue
                answer = self._galaxy.get(f"histories/{job['history_id']}/contents/{kind}s/{reference['id']}")
                datasets[name] = Dataset(self._galaxy, Item.from_answer(answer))
        return datasets

    def _recovered(self) -> dict[str, Item]:
        """Return, by output, what `nebulab.session.outputs.results` uploaded after Galaxy had lost the job."""
        if self._job["state"] != "error":
            return {}
        mark = contract.job_tag(self.id)
        items = list_contents(self._galaxy, self._job["history_id"])
        return {tag: item for item in items if mark in item.tags and not item.deleted for tag in item.tags}

    @property
    def models(self) -> Models:
        """The models that were proven, by the names of their variables: `training.models["model"].predict(X)`."""
        return Models(self.outputs)

    def __repr__(self) -> str:
        try:
            return f"<training {self.name}: {self._status()}>"
        except NebulabError as error:
            return f"<training {self.id}: {error}>"

    def _ipython_display_(self) -> None:
        try:
            from IPython.display import display
            from ipywidgets import HTML

            widget = HTML(self._html())
        except Exception:  # noqa: BLE001 - no widgets here: one look, as text
            print(repr(self))
            return
        display(widget)
        if self._job.get("state") not in JOB_ENDED:
            threading.Thread(target=self._keep_shown, args=(widget,), name="nebulab-training", daemon=True).start()

    def _keep_shown(self, widget: Any) -> None:
        pause = _FIRST_POLL_SECONDS
        while True:
            time.sleep(pause)
            pause = min(pause * 1.2, _LONGEST_POLL_SECONDS)
            try:
                widget.value = self._html()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may go well
                widget.value = f"<pre>{html.escape(str(error))}</pre>"
                continue
            if self._job["state"] in JOB_ENDED:
                return

    def _html(self) -> str:
        tail = html.escape(self.log(_TAIL_LINES))
        return (
            f"<b>{html.escape(self.name)}</b>&ensp;{html.escape(self._status())}"
            f"<pre style='margin:.4em 0;max-height:14em;overflow:auto;line-height:1.3'>{tail}</pre>"
        )

    def _status(self) -> str:
        """State, time and progress in one line."""
        cells = _CELL.findall(self.log())
        state = str(self._job["state"])
        parts = [_WORDS.get(state, state)]
        if cells:
            number, count, usage = cells[-1]
            parts.append(f"{number} of {count} cells")
            if state not in JOB_ENDED:
                parts.append(usage)
        return ", ".join(parts)

    def _look(self) -> dict[str, Any]:
        if self._job.get("state") not in JOB_ENDED:
            self._job = self._galaxy.get(f"jobs/{self.id}", full=True)
        return self._job

    def _live_log(self) -> str:
        try:
            answer = self._galaxy.get(
                f"jobs/{self.id}/console_output",
                stdout_position=0,
                stdout_length=_LOG_BYTES,
                stderr_position=0,
                stderr_length=0,
            )
        except GalaxyError as error:
            if error.status == _NOTHING_YET:
                return ""
            raise
        return str((answer or {}).get("stdout") or "")


class Models(Mapping[str, "Predictor"]):
    """Proven models by the names of their variables; each is downloaded when it is asked for."""

    def __init__(self, outputs: Mapping[str, Dataset]) -> None:
        collection = outputs.get("onnx_models")
        elements = collection.elements if collection else []
        self._found = {
            element.name.removeprefix(contract.MODEL_PREFIX).removesuffix(".onnx"): element for element in elements
        }

    def __getitem__(self, name: str) -> Predictor:
        if name not in self._found:
            raise DatasetNotFound(
                f"There is no proven model {name!r}.",
                f"There are: {', '.join(self._found) or 'none'}; the report of the training tells of the others.",
            )
        return self._found[name].model()

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"<models: {', '.join(self._found) or 'none'}>"


_WORDS = {"new": "waiting", "waiting": "waiting", "queued": "queued", "ok": "done", "error": "failed"}


def _inputs(inputs: Inputs, known: HistoryFiles, folder: Path) -> dict[str, Any]:
    """Return the form's fields: a name becomes one of GALAXY_INPUTS, a path is laid out where the program reads it."""
    named: Mapping[str, Any] = inputs if isinstance(inputs, Mapping) else {path: folder / path for path in inputs}
    form: dict[str, Any] = {}
    paths, datasets = [], []
    count = 0
    for key, thing in named.items():
        if _INPUT_NAME.fullmatch(key) and isinstance(inputs, Mapping):
            field = f"user_inputs_{count}"
            count += 1
            kind, value = _input_value(thing, known)
            form |= {
                f"{field}|input_name": key,
                f"{field}|input_type|input_type_selector": kind,
                f"{field}|input_type|input_value": value,
            }
        else:
            paths.append(key)
            datasets.append(known.reference(thing))
    if paths:
        form |= {"ml_h5_dataset_paths": ",".join(paths), "ml_h5_datasets": {"values": datasets}}
    return form


def _parameters(parameters: Mapping[str, Any]) -> str:
    """Return the parameters as JSON, with NumPy's values as Python's, at any depth.

    Raises
    ------
    SettingsError
        A value has no such form.
    """
    try:
        return json.dumps(dict(parameters), default=_plain)
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"The parameters of a training can't be sent: {error}.",
            "Give numbers, texts, lists and dictionaries; put objects into the history and give them as inputs.",
        ) from error


def _plain(thing: Any) -> Any:
    """Return what JSON does not know, a number or an array of NumPy's or a path, as what it knows."""
    if isinstance(thing, os.PathLike):
        return os.fspath(thing)
    if hasattr(thing, "dtype") and hasattr(thing, "tolist"):
        return thing.tolist()
    raise TypeError(f"there is no form for a {type(thing).__name__}")


def _scalar(thing: Any) -> Any:
    """Return a number of NumPy's, or of a framework's, as Python's; anything else as it is."""
    is_scalar = hasattr(thing, "dtype") and hasattr(thing, "item") and getattr(thing, "ndim", None) == 0
    return thing.item() if is_scalar else thing


def _input_value(thing: Any, known: HistoryFiles) -> tuple[str, Any]:
    thing = _scalar(thing)
    simple: list[tuple[type, str, Callable[[Any], Any]]] = [
        (bool, "boolean", bool),
        (int, "integer", int),
        (float, "float", float),
    ]
    for cls, kind, plain in simple:
        if isinstance(thing, cls):
            return kind, plain(thing)
    if isinstance(thing, Dataset) and thing.is_collection:
        return "dataset_collection", {"values": [known.reference(thing)]}
    if isinstance(thing, list | tuple):
        return "dataset_multiple", {"values": [known.reference(member) for member in thing]}
    if isinstance(thing, Dataset | Path) or (isinstance(thing, str) and Path(thing).expanduser().is_file()):
        return "dataset", {"values": [known.reference(thing)]}
    if isinstance(thing, str):
        return "text", thing
    raise SettingsError(
        f"A {type(thing).__name__} can't be an input of a training.",
        "Give a dataset, a path, a number or a text; put objects into the history first.",
    )


__all__ = ["Models", "Training", "train", "trainings"]
