"""`python -m zoo.files`: write a saved model of each kind into the working folder, and rows to try them on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    import catboost
    import joblib
    import keras
    import lightgbm
    import tensorflow as tf
    import xgboost
    from sklearn.linear_model import LogisticRegression

    from nebulab.models.libraries import library_of

    table = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    label = (table[:, 0] > 0).astype(int)
    np.save("rows.npy", table)
    np.save("few.npy", table[:, :3])

    class Module(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable(tf.ones((4, 2)))

        def __call__(self, x: Any) -> Any:
            return x @ self.w

    line = LogisticRegression().fit(table, label)
    quiet = {"iterations": 5, "verbose": False, "allow_writing_files": False}
    models = {
        "line": line,
        "net": keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="gelu")]),
        "xgb": xgboost.XGBClassifier(n_estimators=5).fit(table, label),
        "lgb": lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(table, label),
        "cat": catboost.CatBoostClassifier(**quiet).fit(table, label),
        "module": Module(),
    }
    for name, model in models.items():
        library = library_of(model)
        assert library is not None, f"{name} is no model"
        library.native(model, Path(), name, {"X_train": table})
    tf.saved_model.save(models["net"], "saved")
    joblib.dump(line, "line.joblib")
    Path("net.safetensors").write_bytes(b"")


if __name__ == "__main__":
    main()
