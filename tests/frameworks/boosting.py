"""XGBoost's and LightGBM's models, as estimators, as boosters and inside pipelines."""

from __future__ import annotations

import numpy as np
from report import Zoo, main


def make() -> Zoo:
    import lightgbm
    import pandas as pd
    import xgboost
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(0)
    table = random.normal(size=(200, 4)).astype(np.float32)
    label, target = (table[:, 0] > 0).astype(int), table[:, 1] * 2
    frame = pd.DataFrame(table, columns=list("abcd"))
    matrix = xgboost.DMatrix(table, label)
    quiet = {"verbose": -1, "n_estimators": 5}
    models = {
        "xgb_class": xgboost.XGBClassifier(n_estimators=5).fit(table, label),
        "xgb_frame": xgboost.XGBRegressor(n_estimators=5).fit(frame, target),
        "xgb_booster": xgboost.train({"objective": "binary:logistic"}, matrix, 3),
        "xgb_multi": xgboost.train(
            {"objective": "multi:softprob", "num_class": 3}, xgboost.DMatrix(table, label + (target > 1)), 3
        ),
        "lgb_class": lightgbm.LGBMClassifier(**quiet).fit(frame, label),
        "lgb_value": lightgbm.LGBMRegressor(**quiet).fit(table, target),
        "lgb_booster": lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(table, label), 3),
        "lgb_pipeline": make_pipeline(StandardScaler(), lightgbm.LGBMRegressor(**quiet)).fit(table, target),
    }
    return models, {"X_train": table, "frame": frame}


main(make)
