"""Estimators whose file would be wrong or not run without what skl2onnx is told here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import KBinsDiscretizer

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
