"""scikit-learn's models of every sort that a notebook leaves."""

from __future__ import annotations

import numpy as np

from zoo import Member, Zoo

WORDS = ["maison", "Étoile", "Straße", "naïve", "night_train", "Ελλάδα"]


def make() -> Zoo:
    import pandas as pd
    from sklearn.cluster import KMeans
    from sklearn.compose import make_column_transformer
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        IsolationForest,
        RandomForestClassifier,
        RandomTreesEmbedding,
        VotingClassifier,
    )
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.gaussian_process import GaussianProcessClassifier
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors, RadiusNeighborsClassifier
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer, LabelEncoder, OneHotEncoder, StandardScaler
    from sklearn.svm import SVC, LinearSVC

    random = np.random.default_rng(0)
    table = random.normal(size=(200, 4)).astype(np.float32)
    label = (table[:, 0] + table[:, 1] > 0).astype(int)
    frame = pd.DataFrame({"a": table[:, 0], "b": random.integers(0, 5, 200), "c": random.choice(["x", "y"], 200)})
    numbers = frame[["a", "b"]]
    # Words with letters beyond ASCII, and of a single letter, which are none to scikit-learn.
    texts = [f"{first} à {second}" for first, second in zip(*random.choice(WORDS, (2, 200)), strict=True)]
    letters = pd.DataFrame({"text": texts, "a": table[:, 0]})
    with_text = make_column_transformer((TfidfVectorizer(), "text"), (StandardScaler(), ["a"]))
    columns = make_column_transformer((StandardScaler(), ["a", "b"]), (OneHotEncoder(), ["c"]))
    categories = np.c_[table[:, 0], random.integers(0, 5, 200)]
    on_table = {
        "forest": RandomForestClassifier(100, random_state=0).fit(table, label),
        "line": LinearRegression().fit(table, table[:, 0] * 2),
        "pipeline": make_pipeline(StandardScaler(), LogisticRegression()).fit(table, label),
        "search": GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": [1, 2]}).fit(table, label),
        "boosted": HistGradientBoostingClassifier().fit(table, label),
        "neighbours": KNeighborsClassifier().fit(table, label),
        "perceptron": MLPRegressor(max_iter=1000, random_state=0).fit(table, table[:, 0] * 2),
        "clusters": KMeans(3, random_state=0).fit(table),
        "components": PCA(2).fit(table),
        "margin": LinearSVC().fit(table, label),
        "words": LogisticRegression().fit(table, np.where(label, "yes", "no")),
        "several": RandomForestClassifier(5, random_state=0).fit(table, np.c_[label, 1 - label]),
        # Of these skl2onnx's own files are wrong, or do not run.
        "discriminant": LinearDiscriminantAnalysis().fit(table, label),
        "voting": VotingClassifier([("line", LogisticRegression()), ("bayes", GaussianNB())]).fit(table, label),
        "radius": RadiusNeighborsClassifier(3).fit(table, label),
        "nearest": NearestNeighbors().fit(table),
        "process": GaussianProcessClassifier().fit(table, label),
        "bins": KBinsDiscretizer().fit(table),
        "embedding": RandomTreesEmbedding(10).fit(table),
        "outliers": IsolationForest(n_estimators=10, random_state=0).fit(table),
    }
    members = {name: Member(model, (table,)) for name, model in on_table.items()} | {
        "texts": Member(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, label), (texts,)),
        "text_column": Member(make_pipeline(with_text, LogisticRegression()).fit(letters, label), (letters,)),
        "labels": Member(LabelEncoder().fit(numbers["b"]), (numbers["b"].to_numpy(),)),
        "names": Member(LabelEncoder().fit(frame["c"]), (frame["c"].to_numpy(),)),
        "mixed": Member(make_pipeline(columns, LogisticRegression()).fit(frame, label), (frame,)),
        "framed": Member(RandomForestClassifier(5, random_state=0).fit(numbers, label), (numbers,)),
        # Its ONNX form is silently wrong: a third of the labels agree.
        "categories": Member(
            HistGradientBoostingClassifier(categorical_features=[1]).fit(categories, label),
            (categories,),
            "native model",
            "of the labels",
        ),
        "unfitted": Member(LogisticRegression(), (table,), "not kept", "not fitted"),
    }
    return Zoo(members)
