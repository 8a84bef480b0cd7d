"""Pictures of a prediction's confidence; those of random weights have it written across."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fold import MARK

if TYPE_CHECKING:
    from fold.predict import Prediction

BANDS = (
    (90, 100, "#0053d6", "very high"),
    (70, 90, "#65cbf3", "confident"),
    (50, 70, "#ffdb13", "low"),
    (0, 50, "#ff7d45", "very low"),
)
"""AlphaFold's four colours of confidence."""


def plddt(*predictions: Prediction) -> Any:
    """Return a figure of the confidence along each chain, over AlphaFold's four bands."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 3.2))
    for low, high, colour, word in BANDS:
        axis.axhspan(low, high, color=colour, alpha=0.25, lw=0, label=word)
    for each in predictions:
        axis.plot(
            np.arange(1, len(each.query) + 1),
            each.plddt,
            color="black" if len(predictions) == 1 else None,
            label=each.query.name,
        )
    axis.set(
        xlabel="amino acid", ylabel="pLDDT", ylim=(0, 100), title=_title(predictions, "confidence in each amino acid")
    )
    axis.margins(x=0)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return _marked(figure, predictions)


def pae(prediction: Prediction) -> Any:
    """Return a figure of the error to expect of one amino acid's place, in Å, as seen from another."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(4.6, 4))
    length = len(prediction.query)
    shown = axis.imshow(
        prediction.pae, cmap="Greens_r", vmin=0, vmax=31.75, extent=(0.5, length + 0.5, length + 0.5, 0.5)
    )
    axis.set(xlabel="amino acid", ylabel="seen from amino acid", title=_title([prediction], "expected error"))
    figure.colorbar(shown, label="Å", shrink=0.8)
    return _marked(figure, [prediction])


def _title(predictions: Sequence[Prediction], words: str) -> str:
    names = ", ".join(each.query.name for each in predictions)
    return f"{names}: {words}" if len(names) < 50 else words


def _marked(figure: Any, predictions: Sequence[Prediction]) -> Any:
    figure.tight_layout()
    if any(each.random for each in predictions):
        first, _, rest = MARK.partition(", ")
        figure.text(
            0.5,
            0.5,
            f"{first}\n{rest}",
            color="red",
            alpha=0.55,
            size=15,
            weight="bold",
            rotation=20,
            ha="center",
            va="center",
        )
    return figure
