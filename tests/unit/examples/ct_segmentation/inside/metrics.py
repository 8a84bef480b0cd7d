"""The metrics against scikit-learn's, and the published "mIoU"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ct import metrics


def example() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    truth = rng.random((12, 16, 16)) < 0.1
    truth[3] = False
    return truth, np.clip(truth * 0.5 + rng.random(truth.shape) * 0.6, 0, 1).astype("float32")


def check_they_are_those_of_scikit_learn(folder: Path) -> None:
    from sklearn.metrics import average_precision_score, f1_score, jaccard_score, precision_score, recall_score

    truth, found = example()
    flat, marked = truth.ravel(), found.ravel() >= 0.5
    expected = {
        "dice": f1_score(flat, marked),
        "iou": jaccard_score(flat, marked),
        "precision": precision_score(flat, marked),
        "recall": recall_score(flat, marked),
        "pr_auc": average_precision_score(flat, found.ravel()),
    }
    told = metrics.scores(truth, found)
    assert all(abs(told[name] - value) < 1e-9 for name, value in expected.items()), (told, expected)


def check_nothing_found_where_nothing_is_counts_for_nothing(folder: Path) -> None:
    truth: Any = np.zeros((2, 4, 4), bool)
    found: Any = np.zeros((2, 4, 4))
    assert all(np.isnan(value) for value in metrics.scores(truth, found).values())
    found[0, 0, 0] = 1
    assert metrics.scores(truth, found)["dice"] == 0


def check_groups_and_the_interval_of_their_mean(folder: Path) -> None:
    truth, found = example()
    patients: Any = np.repeat([5, 7, 9], 4)
    dice = metrics.by_group(truth, found, patients)["dice"]
    assert dice.tolist() == [
        metrics.scores(truth[patients == one], found[patients == one])["dice"] for one in (5, 7, 9)
    ]
    mean, low, high = metrics.interval(dice)
    assert abs(mean - dice.mean()) < 1e-9
    assert dice.min() <= low < mean < high <= dice.max()
    assert metrics.interval(dice) == (mean, low, high)
    assert metrics.interval(np.array([np.nan, 0.5, np.nan])) == (0.5, 0.5, 0.5)
    assert np.isnan(metrics.interval(np.array([np.nan]))[0])


def check_an_interval_holds_the_mean_about_as_often_as_it_says(folder: Path) -> None:
    rng = np.random.default_rng(0)
    held = [
        low < 0.8 < high for _, low, high in (metrics.interval(rng.normal(0.8, 0.1, 40), draws=400) for _ in range(200))
    ]
    assert 0.88 < np.mean(held) < 0.99


def check_the_published_figure_can_not_fall_and_the_right_one_does(folder: Path) -> None:
    lesion, _ = example()
    truth = np.stack([~lesion, lesion], -1).astype("float32")
    nothing = np.stack([np.ones(lesion.shape), np.zeros(lesion.shape)], -1)
    worst = 1 - truth
    assert abs(metrics.published_mean_iou(truth, truth) - 1) < 1e-9
    assert metrics.published_mean_iou(truth, nothing) > 0.99
    assert abs(metrics.published_mean_iou(truth, worst) - 100 / 102) < 1e-6
    assert metrics.mean_iou(truth, nothing) < 0.5
    assert metrics.mean_iou(truth, worst) == 0
    assert metrics.mean_iou(truth, truth) == 1


def check_a_report_has_patients_where_they_are_known(folder: Path) -> None:
    truth, found = example()
    assert set(metrics.report(truth, found)) == {"slice"}
    table = metrics.as_table(metrics.report(truth, found, np.repeat([1, 2], 6)))
    assert list(table.index) == list(metrics.NAMES)
    assert list(table.columns) == ["mean by slice (95 %)", "mean by patient (95 %)"]


def check_shapes_that_do_not_fit_are_refused(folder: Path) -> None:
    truth, found = example()
    try:
        metrics.scores(truth, found[..., None])
    except ValueError as error:
        assert "lesions' channel" in str(error)
    else:
        raise AssertionError("not refused")
