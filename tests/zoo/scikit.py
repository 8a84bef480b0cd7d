"""scikit-learn's models of every sort that a notebook leaves."""

from __future__ import annotations

import numpy as np

from zoo import Member, Zoo


def make() -> Zoo:
    import pandas as pd
    from sklearn.cluster import KMeans
    from sklearn.compose import make_column_transformer
    from sklearn.decomposition import PCA
    from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.svm import SVC, LinearSVC

    random = np.random.default_rng(0)
    table = random.normal(size=(200, 4)).astype(np.float32)
    label = (table[:, 0] + table[:, 1] > 0).astype(int)
    frame = pd.DataFrame({"a": table[:, 0], "b": random.integers(0, 5, 200), "c": random.choice(["x", "y"], 200)})
    numbers = frame[["a", "b"]]
    columns = make_column_transformer((StandardScaler(), ["a", "b"]), (OneHotEncoder(), ["c"]))
    categories = np.c_[table[:, 0], random.integers(0, 5, 200)]
    on_table = {
        "forest": RandomForestClassifier(20, random_state=0).fit(table, label),
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
        "outliers": IsolationForest(n_estimators=10, random_state=0).fit(table),
    }
    members = {name: Member(model, (table,)) for name, model in on_table.items()} | {
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
