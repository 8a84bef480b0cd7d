"""CatBoost's models; its package is no part of the kernels' environment, so these need it beside."""

from __future__ import annotations

import numpy as np

from zoo import Member, Zoo


def make() -> Zoo:
    import pandas as pd
    from catboost import CatBoost, CatBoostClassifier, CatBoostRegressor

    random = np.random.default_rng(0)
    table = random.normal(size=(200, 4)).astype(np.float32)
    label, target = (table[:, 0] > 0).astype(int), table[:, 1] * 2
    frame = pd.DataFrame(table, columns=list("abcd"))
    mixed = frame.assign(d=random.choice(["x", "y"], 200))
    quiet = {"iterations": 5, "verbose": False, "allow_writing_files": False}
    members = {
        "cat_class": Member(CatBoostClassifier(**quiet).fit(table, label), (table,)),
        "cat_words": Member(CatBoostClassifier(**quiet).fit(table, np.where(label, "yes", "no")), (table,)),
        "cat_multi": Member(CatBoostClassifier(**quiet).fit(table, label + (target > 1)), (table,)),
        "cat_value": Member(CatBoostRegressor(**quiet).fit(table, target), (table,)),
        "cat_frame": Member(CatBoostRegressor(**quiet).fit(frame, target), (frame,)),
        "cat_plain": Member(CatBoost(quiet | {"loss_function": "RMSE"}).fit(table, target), (table,)),
        "cat_scores": Member(CatBoost(quiet | {"loss_function": "Logloss"}).fit(table, label), (table,)),
        "cat_categories": Member(
            CatBoostRegressor(**quiet).fit(mixed, target, cat_features=["d"]), (mixed,), "native model", "categor"
        ),
    }
    return Zoo(members, {"X_train": table, "frame": frame, "mixed": mixed})
