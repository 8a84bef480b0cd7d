"""Pictures of slices with their masks, and curves of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red")


def masks(
    images: np.ndarray,
    truth: np.ndarray,
    found: Mapping[str, np.ndarray],
    chosen: Sequence[int],
    threshold: float = 0.5,
) -> Any:
    """Return a figure with a row for each chosen slice: the original, the truth, and what each model found.

    `truth` is bool, `found` are probabilities, all (n, rows, columns). Orange is what is marked, red the outline of
    the truth.
    """
    import matplotlib.pyplot as plt

    titles = ["original", "truth", *found]
    figure, axes = plt.subplots(len(chosen), len(titles), figsize=(2.4 * len(titles), 2.4 * len(chosen)), squeeze=False)
    low, high = np.percentile(images, (1, 99.5))
    for row, number in zip(axes, chosen, strict=True):
        marked = [None, truth[number], *(each[number] >= threshold for each in found.values())]
        for axis, title, mask in zip(row, titles, marked, strict=True):
            axis.imshow(images[number, ..., 0], cmap="gray", vmin=low, vmax=high)
            if mask is not None and mask.any():
                axis.imshow(
                    np.where(mask, 1.0, np.nan), cmap="autumn", vmin=0, vmax=1.7, alpha=0.6, interpolation="none"
                )
            if title not in ("original", "truth") and truth[number].any():
                axis.contour(truth[number], [0.5], colors="red", linewidths=0.8)
            axis.set_axis_off()
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    figure.tight_layout()
    return figure


def worth_seeing(truth: np.ndarray, patients: np.ndarray | None = None, most: int = 5) -> list[int]:
    """Return the slice with the most lesion of each patient, or of the whole, the largest first."""
    size = truth.reshape(len(truth), -1).sum(axis=1)
    groups = np.arange(len(truth)) if patients is None else patients
    largest = [max(np.flatnonzero(groups == group), key=lambda number: size[number]) for group in np.unique(groups)]
    return sorted(map(int, largest), key=lambda number: -size[number])[:most]


def learning(told: Mapping[str, Mapping[str, Sequence[float]]]) -> Any:
    """Return a figure of losses by epoch: lines of the training are dashed, those of the validation are not."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6, 3.5))
    for (name, losses), colour in zip(told.items(), _COLOURS, strict=False):
        epochs = np.arange(1, len(losses["loss"]) + 1)
        axis.plot(epochs, losses["loss"], "--", color=colour, label=f"{name}, trained on")
        axis.plot(epochs, losses["val_loss"], color=colour, label=f"{name}, validation")
    axis.set(xlabel="epoch", ylabel="loss", yscale="log")
    axis.legend()
    return figure


def precision_recall(truth: np.ndarray, found: Mapping[str, np.ndarray]) -> Any:
    """Return a figure with each model's curve of precision over recall, of all pixels, with the area in the legend."""
    import matplotlib.pyplot as plt
    from sklearn.metrics import precision_recall_curve

    from ct.metrics import pr_auc

    figure, axis = plt.subplots(figsize=(4.5, 4))
    for (name, each), colour in zip(found.items(), _COLOURS, strict=False):
        precision, recall, _ = precision_recall_curve(truth.ravel(), each.ravel(), drop_intermediate=True)
        axis.step(recall, precision, where="post", color=colour, label=f"{name} ({pr_auc(truth, each):.3f})")
    axis.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axis.legend(loc="lower left")
    return figure
