"""Several proteins on the cluster: one job each, found again from any session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fold
from fold import FoldError, msa, results
from fold.predict import Prediction
from fold.sequences import Query

NOTEBOOK = "1_predict_here.ipynb"
_NAME = "Structure of "
_ENDED_WELL = "ok"


def send(
    history: Any,
    queries: Sequence[Query],
    parameters: Mapping[str, Any],
    *,
    alignments: Mapping[str, str] | None = None,
    gpus: int | None = None,
) -> list[Any]:
    """Send notebook 1 once for each protein, and return the trainings; they go on when this session ends.

    Parameters
    ----------
    history
        The notebook's `history`.
    queries
        The proteins.
    parameters
        Those of notebook 1 that are the same for all, such as `weights` and `recycles`.
    alignments
        Paths of A3M files by the proteins' names; the others' `msa` is that of `parameters`.
    gpus
        How many GPUs to ask for each; None leaves it to the server.

    Raises
    ------
    FoldError
        There is no protein, or an alignment is of another one.
    """
    if not queries:
        raise FoldError("There is no protein to send.", "Give at least one.")
    alignments = alignments or {}
    for query in queries:  # all are looked at before the first is sent
        if query.name in alignments:
            msa.own(Path(alignments[query.name]).read_text(), query)
    sent = []
    for query in queries:
        own = alignments.get(query.name)
        chosen = {**parameters, "name": query.name, "sequence": query.sequence, "put": False}
        sent.append(
            history.train(
                NOTEBOOK,
                inputs=[*fold.files(), *([own] if own else [])],
                parameters=chosen | ({"alignment": own} if own else {}),
                gpus=gpus,
                name=f"{_NAME}{query.name}",
                packages=list(fold.PACKAGES),
            )
        )
    return sent


def sent(history: Any, names: Sequence[str] = ()) -> list[Any]:
    """Return the newest job of each protein in the history, of all or of those with these names."""
    newest: dict[str, Any] = {}
    for training in history.trainings():
        if training.name.startswith(_NAME):
            newest.setdefault(training.name.removeprefix(_NAME), training)
    return [training for name, training in newest.items() if not names or name in names]


def states(trainings: Sequence[Any]) -> Any:
    """Return a data frame of the jobs: their proteins, states and current cells."""
    import pandas as pd

    rows = [{"protein": each.name.removeprefix(_NAME), "state": each.state, "cell": each.cell} for each in trainings]
    return pd.DataFrame(rows)


def predictions(trainings: Sequence[Any]) -> list[Prediction]:
    """Return the predictions of the jobs that ended well; of the others it is said how they stand.

    Raises
    ------
    FoldError
        None has ended well.
    """
    found = []
    for training in trainings:
        if training.state != _ENDED_WELL:
            print(f"{training.name}: {training.state}")
            continue
        files = {element.name: element for element in training.outputs["files"].elements}
        pdb = next((element for name, element in files.items() if name.endswith(".pdb")), None)
        scores = next((element for name, element in files.items() if name.endswith(".json")), None)
        if pdb is None or scores is None:
            print(f"{training.name}: its files have no structure ({', '.join(files) or 'none'})")
            continue
        found.append(results.read(pdb.path, scores.path))
    if not found:
        raise FoldError("No job has a structure yet.", "Wait for them, or send some with notebook 2.")
    return found
