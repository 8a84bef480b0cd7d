"""A prediction as files: PDB, mmCIF, JSON, pictures and a page; those of random weights say so, each of them."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fold import MARK, FoldError, plots, view
from fold.predict import Prediction
from fold.sequences import Query

SUFFIXES = (".pdb", ".cif", ".json", ".html", "_plddt.png", "_pae.png")
_RANDOM = "RANDOM-"
"""Files of random weights begin with it."""
_BANDS = ((90, "very high"), (70, "confident"), (50, "low"), (0, "very low"))


def write(prediction: Prediction, folder: str | Path = "structures") -> list[Path]:
    """Write all files of a prediction, and return their paths.

    `NAME.pdb` and `NAME.cif` (the confidence in place of the temperature factor), `NAME.json` (pLDDT, PAE, pTM,
    settings, times), `NAME.html` (the structure, to be turned with the mouse, without a network) and two pictures.
    """
    import matplotlib.pyplot as plt

    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    stem = target / name(prediction)
    paths = [stem.with_name(stem.name + suffix) for suffix in SUFFIXES]
    pdb, cif, scores, page, plddt, pae = paths
    pdb.write_text(as_pdb(prediction))
    cif.write_text(as_mmcif(prediction))
    scores.write_text(json.dumps(as_json(prediction)))
    page.write_text(view.page(prediction))
    for path, figure in ((plddt, plots.plddt(prediction)), (pae, plots.pae(prediction))):
        figure.savefig(path, dpi=150)
        plt.close(figure)
    return paths


def name(prediction: Prediction) -> str:
    """Return the name of the prediction's files, without their endings."""
    return f"{_RANDOM if prediction.random else ''}{prediction.query.name}"


def title(prediction: Prediction) -> str:
    """Return a line for headings: the protein, or that it is none."""
    return (
        f"{MARK} ({prediction.query.name})"
        if prediction.random
        else f"{prediction.query.name}, predicted by AlphaFold2"
    )


def as_pdb(prediction: Prediction) -> str:
    """Return the structure as PDB, with what it is in its first lines."""
    words = [f"{title(prediction)}.", *_told(prediction)]
    lines = [line for text in words for line in textwrap.wrap(text, 68)]
    head = [f"TITLE     {title(prediction)[:70].upper()}", "REMARK   1"]
    return "\n".join([*head, *(f"REMARK   1 {line}" for line in lines), prediction.pdb.strip()]) + "\n"


def as_mmcif(prediction: Prediction) -> str:
    """Return the structure as mmCIF, with the confidences in ModelCIF's tables, which viewers colour by."""
    import gemmi

    structure = gemmi.read_pdb_string(prediction.pdb)
    structure.name = re.sub(r"\W+", "_", name(prediction))
    structure.setup_entities()
    structure.assign_label_seq_id()
    document = structure.make_mmcif_document()
    block = document.sole_block()
    block.set_pair("_struct.title", gemmi.cif.quote(title(prediction)))
    block.set_pair("_struct.pdbx_model_details", gemmi.cif.quote(" ".join(_told(prediction))))
    metrics = block.init_loop("_ma_qa_metric.", ["id", "mode", "name", "software_group_id", "type"])
    metrics.add_row(["1", "global", "pLDDT", "?", "pLDDT"])
    metrics.add_row(["2", "local", "pLDDT", "?", "pLDDT"])
    total = block.init_loop("_ma_qa_metric_global.", ["metric_id", "metric_value", "model_id", "ordinal_id"])
    total.add_row(["1", f"{prediction.plddt.mean():.2f}", "1", "1"])
    columns = ["label_asym_id", "label_comp_id", "label_seq_id", "metric_id", "metric_value", "model_id", "ordinal_id"]
    local = block.init_loop("_ma_qa_metric_local.", columns)
    chain = structure[0][0]
    for number, (residue, value) in enumerate(zip(chain, prediction.plddt, strict=True), 1):
        local.add_row([residue.subchain, residue.name, str(number), "2", f"{value:.2f}", "1", str(number)])
    text = str(document.as_string())
    return f"# {MARK}\n{text}" if prediction.random else text


def as_json(prediction: Prediction) -> dict[str, Any]:
    """Return the scores as ColabFold's files name them, with what they are of."""
    return {
        "name": prediction.query.name,
        "sequence": prediction.query.sequence,
        "random_weights": prediction.random,
        **({"warning": MARK} if prediction.random else {}),
        "plddt": np.round(prediction.plddt.astype(float), 2).tolist(),
        "max_pae": float(prediction.pae.max()),
        "pae": np.round(prediction.pae.astype(float), 2).tolist(),
        "ptm": prediction.ptm,
        "model": prediction.model,
        "seconds": prediction.seconds,
        "settings": prediction.settings,
    }


def read(pdb: str | Path, scores: str | Path) -> Prediction:
    """Return a prediction from its files `NAME.pdb` and `NAME.json`, as a job made them.

    Raises
    ------
    FoldError
        They are not of one prediction.
    """
    try:
        told = json.loads(Path(scores).read_text())
        query = Query(told["name"], told["sequence"])
        plddt, pae = np.asarray(told["plddt"], np.float32), np.asarray(told["pae"], np.float32)
        text = "\n".join(
            line for line in Path(pdb).read_text().splitlines() if not line.startswith(("TITLE", "REMARK"))
        )
        if plddt.shape != (len(query),) or pae.shape != (len(query), len(query)):
            raise ValueError("its tables have other lengths than its sequence")
        return Prediction(
            query,
            text,
            plddt,
            pae,
            told["ptm"],
            told["random_weights"],
            told["model"],
            told["seconds"],
            told["settings"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FoldError(f"{scores} is no file of this example ({error}).", "Give NAME.pdb and NAME.json.") from error


@dataclass(frozen=True)
class Row:
    """A line of `table`."""

    name: str
    amino_acids: int
    mean_plddt: float
    ptm: float
    confident: float
    network_seconds: float
    remark: str


def table(predictions: Sequence[Prediction]) -> Any:
    """Return a data frame: what the confidence in each structure is, and how much of it is confident (pLDDT ≥ 70)."""
    import pandas as pd

    rows = [
        Row(
            each.query.name,
            len(each.query),
            round(float(each.plddt.mean()), 1),
            each.ptm,
            round(float((each.plddt >= 70).mean()), 2),
            each.seconds.get("network", float("nan")),
            MARK if each.random else "",
        )
        for each in predictions
    ]
    return pd.DataFrame([vars(row) for row in rows])


def put(history: Any, paths: Sequence[Path], tags: Sequence[str] = ("structure",)) -> list[Any]:
    """Put files into the history, each under its own name, and return the datasets."""
    kinds = {".pdb": "pdb", ".cif": "cif", ".json": "json", ".html": "html", ".png": "png"}
    return [history.put(path, path.name, ext=kinds.get(path.suffix), tags=list(tags)) for path in paths]


def band(plddt: float) -> str:
    """Return AlphaFold's word for a confidence: `very high`, `confident`, `low`, `very low`."""
    return next(word for least, word in _BANDS if plddt >= least)


def _told(prediction: Prediction) -> list[str]:
    settings = prediction.settings
    blocks = ", of two blocks with random weights" if prediction.random else ""
    return [
        f"ColabFold {settings.get('version', '?')}, network {prediction.model}, "
        f"recycles: {settings.get('num_recycles', '?')}{blocks}.",
        "The temperature factor is the confidence (pLDDT, 0 to 100). "
        f"Mean {prediction.plddt.mean():.1f} ({band(float(prediction.plddt.mean()))}), pTM {prediction.ptm:.2f}.",
        "Cite Jumper et al. 2021 (doi:10.1038/s41586-021-03819-2) and Mirdita et al. 2022 "
        "(doi:10.1038/s41592-022-01488-1).",
    ]
