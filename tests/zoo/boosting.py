"""XGBoost's and LightGBM's models, as estimators, as boosters and inside pipelines."""

from __future__ import annotations

import numpy as np

from zoo import Member, Zoo


def make() -> Zoo:
    import lightgbm
    import pandas as pd
    import xgboost
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(0)
    table = random.normal(size=(200, 4)).astype(np.float32)
    label, target = (table[:, 0] > 0).astype(int), table[:, 1] * 2
    classes = label + (target > 1)
    frame = pd.DataFrame(table, columns=list("abcd"))
    matrix = xgboost.DMatrix(table, label)
    quiet = {"verbose": -1, "n_estimators": 5}
    on_table = {
        "xgb_class": xgboost.XGBClassifier(n_estimators=5).fit(table, label),
        "xgb_forest": xgboost.XGBRFRegressor(n_estimators=20).fit(table, target),
        "xgb_booster": xgboost.train({"objective": "binary:logistic"}, matrix, 3),
        "xgb_multi": xgboost.train({"objective": "multi:softprob", "num_class": 3}, xgboost.DMatrix(table, classes), 3),
        "lgb_value": lightgbm.LGBMRegressor(**quiet).fit(table, target),
        "lgb_multi": lightgbm.LGBMClassifier(**quiet).fit(table, classes),
        "lgb_booster": lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(table, label), 3),
        "lgb_pipeline": make_pipeline(StandardScaler(), lightgbm.LGBMRegressor(**quiet)).fit(table, target),
    }
    on_frame = {
        "xgb_frame": xgboost.XGBRegressor(n_estimators=5).fit(frame, target),
        "lgb_class": lightgbm.LGBMClassifier(**quiet).fit(frame, label),
    }
    members = {name: Member(model, (table,)) for name, model in on_table.items()}
    # Splits lie at values of the data: the last bit of a value that was scaled tells its branch.
    doubles = random.normal(size=(400, 4))
    above = (doubles[:, 0] > 0).astype(int)
    members["xgb_pipeline"] = Member(
        make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=50)).fit(doubles, above), (doubles,)
    )
    members["xgb_pipeline_value"] = Member(
        make_pipeline(StandardScaler(), xgboost.XGBRegressor(n_estimators=50)).fit(doubles, doubles[:, 0]), (doubles,)
    )
    # Zeros are missing values to it, and numbers to its file; the rows that it is tried on have none.
    holes = lightgbm.Dataset(np.where(random.random((400, 4)) < 0.3, 0, doubles), above)
    members["lgb_booster_zeros"] = Member(
        lightgbm.train({"objective": "binary", "verbose": -1, "zero_as_missing": True}, holes, 20),
        (table,),
        "native model",
        "rows with zeros differ",
    )
    members |= {name: Member(model, (frame,)) for name, model in on_frame.items()}
    return Zoo(members, {"X_train": table, "frame": frame})
