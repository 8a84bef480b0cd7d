"""How well lesions are found: Dice, IoU, precision, recall and PR-AUC, by slice and by patient, with intervals.

All are of the lesions' channel alone, and of pixels: a lesion takes about one in a hundred, so that a share of right
pixels ("accuracy") is near 1 for a network that finds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

NAMES = ("dice", "iou", "precision", "recall", "pr_auc")


def scores(truth: np.ndarray, found: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """Return the five figures of one group of pixels.

    A figure that is nothing divided by nothing (no lesion, and none found) is NaN, not 1: else a slice without lesions
    would be a success for a network that finds none anywhere.

    Parameters
    ----------
    truth
        bool, any shape.
    found
        Probabilities of the same shape.
    threshold
        From which on a pixel counts as found.
    """
    if truth.shape != found.shape:
        raise ValueError(
            f"Truth has the shape {truth.shape}, what was found {found.shape}. Give the lesions' channel of both."
        )
    marked = found >= threshold
    both, only_found, only_true = (
        int(np.count_nonzero(each)) for each in (truth & marked, marked & ~truth, truth & ~marked)
    )
    return {
        "dice": _share(2 * both, 2 * both + only_found + only_true),
        "iou": _share(both, both + only_found + only_true),
        "precision": _share(both, both + only_found),
        "recall": _share(both, both + only_true),
        "pr_auc": pr_auc(truth, found),
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def pr_auc(truth: np.ndarray, found: np.ndarray) -> float:
    """Return the area below the curve of precision over recall (average precision); NaN where there is no lesion."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(truth.ravel(), found.ravel())) if truth.any() else float("nan")


def by_group(truth: np.ndarray, found: np.ndarray, groups: np.ndarray, threshold: float = 0.5) -> dict[str, np.ndarray]:
    """Return each figure's values, one for each group: give each slice's patient, or `np.arange(len(truth))` for
    slices."""
    parts = [scores(truth[groups == group], found[groups == group], threshold) for group in np.unique(groups)]
    return {name: np.array([part[name] for part in parts]) for name in NAMES}


def interval(
    values: np.ndarray, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Return mean, lower and upper end by the bootstrap: groups are drawn again, with some twice and some not at all.

    Give values of patients, not of slices, where patients are known: slices of one are alike, and an interval over
    slices
    would be too narrow. NaN are left out.
    """
    kept = values[np.isfinite(values)]
    if not len(kept):
        return (float("nan"),) * 3
    drawn = np.random.default_rng(seed).choice(kept, (draws, len(kept))).mean(axis=1)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(kept.mean()), float(low), float(high)


def report(
    truth: np.ndarray, found: np.ndarray, patients: np.ndarray | None = None, threshold: float = 0.5
) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Return mean and 95 % interval of every figure, by `slice` and, where patients are known, by `patient`."""
    groups = {"slice": np.arange(len(truth))}
    if patients is not None:
        groups["patient"] = patients
    return {
        kind: {name: interval(values) for name, values in by_group(truth, found, each, threshold).items()}
        for kind, each in groups.items()
    }


def as_table(told: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> Any:
    """Return a report as a data frame: a row for each figure, `0.87 (0.83 to 0.90)` in each column."""
    import pandas as pd

    return pd.DataFrame(
        {
            f"mean by {kind} (95 %)": {
                name: f"{mean:.3f} ({low:.3f} to {high:.3f})" for name, (mean, low, high) in of.items()
            }
            for kind, of in told.items()
        }
    )


def mean_iou(truth: np.ndarray, found: np.ndarray, threshold: float = 0.5) -> float:
    """Return the mean IoU of both channels over all pixels, (n, rows, columns, 2): what "mIoU" means elsewhere."""
    return float(
        np.mean(
            [
                _share(int(np.count_nonzero(true & marked)), int(np.count_nonzero(true | marked)))
                for true, marked in (
                    (truth[..., one] > 0.5, found[..., one] >= threshold) for one in range(truth.shape[-1])
                )
            ]
        )
    )


def published_mean_iou(truth: np.ndarray, found: np.ndarray, threshold: float = 0.5, smooth: float = 100) -> float:
    """Return what the authors' program prints as "mIOU": an artefact, here to be compared with `mean_iou`.

    It takes the IoU of the two channels **of every single pixel**, with 100 added above and below the line. A pixel
    that is right gives (1 + 100) / (1 + 100) = 1, one that is wrong in both channels (0 + 100) / (2 + 100) = 0.98:
    the mean
    can't fall below 0.98, whatever the network does. A network that finds nothing gets more than 0.999.
    """
    true, marked = truth > 0.5, found >= threshold
    both = np.count_nonzero(true & marked, axis=-1)
    either = np.count_nonzero(true, axis=-1) + np.count_nonzero(marked, axis=-1) - both
    return float(np.mean((both + smooth) / (either + smooth)))
