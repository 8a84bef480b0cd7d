"""What was found, as one page of HTML: a table of figures and pictures, all in the file; for who was not there."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from pathlib import Path

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222;background:#fff}"
    "table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.2em .6em;text-align:left}"
    "img{max-width:100%}figure{margin:1.5em 0}"
)
_WIDE = {"dice": "Dice", "iou": "IoU", "precision": "precision", "recall": "recall", "pr_auc": "PR-AUC"}


def page(metrics: str | Path, pictures: Mapping[str, str | Path]) -> str:
    """Return the page of a table that notebook 3 wrote, and pictures by what is said below each.

    Raises
    ------
    ValueError
        The table has no such columns, or no rows.
    """
    import pandas as pd

    table = pd.read_csv(metrics, sep="\t")
    needed = {"model", "by", "figure", "mean", "low", "high"}
    if not needed <= set(table.columns) or table.empty:
        raise ValueError(f"{metrics} is no table of notebook 3: it has the columns {', '.join(table.columns)}.")
    parts = []
    for by, rows in sorted(table.groupby("by"), key=lambda group: group[0] != "patient"):
        head = "".join(f"<th>{name}</th>" for name in ("", *_WIDE.values()))
        body = "".join(_row(model, of) for model, of in rows.groupby("model", sort=False))
        parts.append(
            f"<h2>Means by {html.escape(str(by))}, with 95 % intervals</h2><table><tr>{head}</tr>{body}</table>"
        )
    for said, path in pictures.items():
        data = base64.b64encode(Path(path).read_bytes()).decode()
        told = html.escape(said)
        parts.append(
            f'<figure><img alt="{told}" src="data:image/png;base64,{data}"><figcaption>{told}</figcaption></figure>'
        )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>CT segmentation</title>'
        f"<style>{_STYLE}</style></head><body><h1>Lesions in CT slices of patients that the networks never saw</h1>"
        f"<p>Of pixels in the channel of lesions. A dash: nothing was marked, or nothing is there to be found.</p>"
        f"{''.join(parts)}</body></html>\n"
    )


def _row(model: object, rows: object) -> str:
    told = {row.figure: row for row in rows.itertuples()}  # type: ignore[attr-defined]
    cells = "".join(f"<td>{_told(told.get(name))}</td>" for name in _WIDE)
    return f"<tr><th>{html.escape(str(model))}</th>{cells}</tr>"


def _told(row: object) -> str:
    mean = getattr(row, "mean", float("nan"))
    if mean != mean:
        return "–"
    return f"{mean:.3f} ({row.low:.3f} to {row.high:.3f})"  # type: ignore[attr-defined]
