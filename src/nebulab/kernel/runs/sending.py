"""A training sent from the Lab's form, with its uploads' progress; runs as a process of the kernels' environment."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from nebulab.kernel.acting import Say
from nebulab.kernel.connecting import connect
from nebulab.kernel.datasets import Dataset
from nebulab.kernel.settings import KernelSettings
from nebulab.kernel.training import train

_INTERVAL_SECONDS = 0.25


class _Told:
    """A file's upload, told to the page a few times a second."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._next = 0.0

    def start(self, label: str, total: int | None) -> None:
        """Tell the file's name and its size in bytes."""
        self._label, self._total = label, total
        self.update(0)

    def update(self, done: int) -> None:
        """Tell how many bytes have been sent, if it was told long enough ago."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _INTERVAL_SECONDS
            self._say({"file": self._label, "done": done, "total": self._total})

    def finish(self, error: str = "") -> None:
        """Tell that all of it was sent; an error is the training's, and told by it."""
        if not error:
            self._say({"file": self._label, "done": self._total, "total": self._total})


def send(wish: dict[str, Any], say: Say) -> dict[str, str]:
    """Do what `history.train` does, and return the job's id and the training's name.

    Parameters
    ----------
    wish
        `notebook` (a path), `files` (paths as the notebook reads them, relative to its folder), `named` (the keys of
        `GALAXY_INPUTS`: each a `value`, the `paths` of files, or the id of a `dataset`), `parameters`, `gpus`,
        `time_limit` (seconds), `name`, `packages` (`session`, a list, or None).

    Raises
    ------
    NebulabError
        As `history.train`.
    """
    settings = KernelSettings.from_environment()
    galaxy = connect(settings)
    notebook = Path(wish["notebook"])
    inputs: dict[str, Any] | list[str] = list(wish.get("files") or ())
    named = {name: _input(given, galaxy) for name, given in (wish.get("named") or {}).items()}
    if named:
        inputs = named | {path: notebook.parent / path for path in inputs}
    say({"stage": "preparing"})
    training = train(
        galaxy,
        settings.history(None),
        notebook,
        inputs=inputs,
        parameters=wish.get("parameters") or None,
        gpus=wish.get("gpus"),
        name=wish.get("name") or "",
        time_limit=wish.get("time_limit"),
        packages=wish.get("packages"),
        progress=lambda: _Told(say),
    )
    return {"id": training.id, "name": training.name}


def _input(given: dict[str, Any], galaxy: Any) -> Any:
    if "dataset" in given:
        from nebulab.galaxy.contents import Item

        return Dataset(galaxy, Item.from_answer(galaxy.get(f"datasets/{given['dataset']}")))
    if "paths" in given:
        return [Path(path) for path in given["paths"]]
    return given["value"]


def main() -> int:
    """Send the training that the wish on standard input describes."""
    from nebulab.kernel.acting import main as act

    return act(send)


if __name__ == "__main__":
    sys.exit(main())
