"""A job as a step of a pipeline: where its program and its files lie, and which files go on; runs once, at the job's
start."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nebulab.errors import StagingError

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Step:
    """What a pipeline asks of a job; empty for one that is no step of any."""

    path: str = ""
    """The program's path in the working folder, in whose folder it starts; nothing for its name alone."""
    files: tuple[tuple[str, Path], ...] = ()
    """Paths in the working folder, each with its dataset."""
    outputs: tuple[str, ...] = ()
    """Patterns of the files for later steps, from the working folder."""
    environment: Mapping[str, str] = field(default_factory=dict)


def read_step(form: Mapping[str, Any]) -> Step:
    """Read the fields of Galaxy's JSON that pipelines fill in.

    Raises
    ------
    StagingError
        An environment variable has no usable name.
    KeyError, TypeError, AttributeError
        They have another form.
    """
    given = form.get("pipeline") or {}
    datasets = [(str(entry["path"]).strip(), entry["dataset"]) for entry in given.get("given") or ()]
    for entry in given.get("earlier") or ():
        datasets += [(_identifier(element), element) for element in entry.get("collection") or ()]
    return Step(
        path=str(given.get("path") or "").strip(),
        files=tuple((path, Path(dataset["source_path"])) for path, dataset in datasets if dataset),
        outputs=tuple(line.strip() for line in str(given.get("outputs") or "").splitlines() if line.strip()),
        environment=_environment(str((form.get("run") or {}).get("environment") or "")),
    )


def _identifier(element: Mapping[str, Any]) -> str:
    """Return an element's identifier, which Galaxy gives with those of the lists around it."""
    given = element["element_identifier"]
    return str(given[-1] if isinstance(given, list) else given)


def _environment(text: str) -> dict[str, str]:
    """Read lines `NAME=value`, or the JSON that a pipeline's values with line ends are sent as."""
    if text.lstrip().startswith("{"):
        pairs = [(str(name), str(value)) for name, value in json.loads(text).items()]
    else:
        lines = [line.partition("=") for line in text.splitlines() if line.strip()]
        pairs = [(name.strip(), value) for name, _, value in lines]
    for name, _ in pairs:
        if not _VARIABLE.fullmatch(name):
            raise StagingError(
                f"{name!r} can't be the name of an environment variable.",
                "Write one a line, with a name of letters, digits and _, such as ROUNDS=50.",
            )
    return dict(pairs)
