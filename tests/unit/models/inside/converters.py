"""Estimators whose file would be wrong or not run without what skl2onnx is told here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import KBinsDiscretizer
from sklearn.tree import DecisionTreeClassifier

from nebulab.models import converters, keep, sample

TABLE = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
LABEL = (TABLE[:, 0] > 0).astype(int)


def proven(model: Any, rows: Any, folder: Path) -> None:
    sample(model, rows)
    kept = keep("model", model, folder)
    assert kept.fate == "model", kept.reason


def check_a_linear_discriminant_analysis_of_two_classes(folder: Path) -> None:
    proven(LinearDiscriminantAnalysis().fit(TABLE, LABEL), TABLE, folder)


def check_a_sparse_output_is_dense(folder: Path) -> None:
    proven(KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf").fit(TABLE), TABLE, folder)


def check_a_vote(folder: Path) -> None:
    vote = VotingClassifier([("line", LogisticRegression()), ("bayes", GaussianNB())], voting="soft")
    proven(vote.fit(TABLE, LABEL), TABLE, folder)


def check_nearest_neighbours(folder: Path) -> None:
    proven(NearestNeighbors(n_neighbors=2).fit(TABLE), TABLE, folder)


def check_words_of_any_letters(folder: Path) -> None:
    texts = ["Über den Wolken", "a cat and a dog", "größer als 10"] * 3
    proven(TfidfVectorizer().fit(texts), texts, folder)


def check_the_original_keeps_its_settings(folder: Path) -> None:
    model = KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf").fit(TABLE)
    proven(model, TABLE, folder)
    assert model.encode == "onehot"


def check_it_is_told_once(folder: Path) -> None:
    from skl2onnx.common._registration import get_converter

    converters.register()
    first = get_converter("SklearnKBinsDiscretizer")
    converters.register()
    assert get_converter("SklearnKBinsDiscretizer") is first


MISSING = np.where(
    np.random.default_rng(1).random((300, 3)) < 0.2, np.nan, np.random.default_rng(2).normal(size=(300, 3))
)
THREE = np.nan_to_num(MISSING[:, 0]) + np.random.default_rng(3).normal(size=300) * 0.7
THREE = (THREE > 0).astype(int) + (THREE > 1)


def exact(model: Any, rows: Any, folder: Path) -> None:
    sample(model, rows)
    kept = keep("model", model, folder)
    assert kept.fate == "model", kept.reason
    assert kept.proof is not None
    assert kept.proof.elsewhere == [], kept.proof.precision


def check_ties_between_the_trees_of_a_forest(folder: Path) -> None:
    table = np.nan_to_num(MISSING)
    exact(RandomForestClassifier(20, random_state=0).fit(table, THREE), table, folder)
    exact(RandomForestClassifier(20, random_state=0).fit(table, THREE > 0), table, folder)


def check_missing_values_in_trees(folder: Path) -> None:
    exact(DecisionTreeClassifier(random_state=0).fit(MISSING, THREE), MISSING, folder)
    exact(RandomForestClassifier(10, random_state=0).fit(MISSING, THREE > 0), MISSING, folder)


def check_a_split_between_missing_values_and_all_others_ends(folder: Path) -> None:
    """Its threshold is infinite; with 64 bits skl2onnx searched the next number for ever."""
    rows = np.array([[0.0], [1.0], [np.nan], [np.nan]] * 5)
    model = RandomForestClassifier(3, random_state=0).fit(rows, np.isnan(rows[:, 0]).astype(int))
    converters.register()
    onnx_model = to_onnx(model, initial_types=[("input", DoubleTensorType([None, 1]))], options={"zipmap": False})
    assert onnx_model.graph.node


def check_what_is_wrong_where_zeros_are_is_no_model(folder: Path) -> None:
    zeros = np.where(np.random.default_rng(1).random((300, 3)) < 0.3, 0, np.random.default_rng(2).normal(size=(300, 3)))
    model = LGBMClassifier(n_estimators=20, zero_as_missing=True, verbose=-1).fit(zeros, THREE)
    sample(model, zeros[(zeros != 0).all(axis=1)])
    kept = keep("model", model, folder)
    assert kept.fate == "native model"
    assert "rows with zeros differ" in kept.reason
