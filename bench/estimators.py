"""Bench 7: how many of scikit-learn's estimators are exported and proven; runs itself in the kernels' environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from bench.table import Row


def measure(environments: Path, checkout: Path) -> list[Row]:
    """Export all estimators that can be fitted as they are; the goal is that each converter's output is proven."""
    finished = subprocess.run(
        [str(environments / "kernels" / "bin" / "python"), __file__],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(checkout / "src"), str(checkout)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    found: dict[str, dict[str, Any]] = json.loads(finished.stdout.splitlines()[-1])
    counts = Counter(one["fate"] for one in found.values())
    for name, one in sorted(found.items(), key=lambda item: (item[1]["fate"], item[0])):
        print(f"{one['fate']:13} {name:32} {one['reason'][:110]}", file=sys.stderr)
    known = [one for one in found.values() if one["converter"]]
    proven = sum(one["fate"] == "model" for one in known)
    return [
        Row.at_least("estimators with a converter: proven", proven, len(known), "", "with a converter", goal=1.0),
        Row.figure(f"of {len(found)} estimators: kept natively", counts["native model"], "", goal=len(found)),
        Row.figure(f"of {len(found)} estimators: failed", counts["not kept"], "", goal=0),
    ]


def _inside() -> None:
    """Fit, export and prove every estimator; print what became of each as JSON."""
    import tempfile
    import warnings

    import numpy as np
    from skl2onnx._supported_operators import sklearn_operator_name_map
    from sklearn.utils import all_estimators

    from nebulab.models import keep, samples

    warnings.simplefilter("ignore")
    samples.watch()
    random = np.random.default_rng(0)
    table = np.abs(random.normal(size=(60, 5))).astype(np.float32)
    label = (table[:, 0] > np.median(table[:, 0])).astype(int)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, cls in all_estimators():
            fitted = _fitted(cls, table, label)
            if fitted is None:
                continue
            kept = keep(name, fitted, Path(folder), {"X_train": table})
            converter = cls in sklearn_operator_name_map
            found[name] = {"fate": kept.fate, "reason": kept.reason, "converter": converter}
    print(json.dumps(found))


def _fitted(cls: Any, table: Any, label: Any) -> Any:
    """Return a fitted estimator, or None for one that needs other data or other estimators."""
    import numpy as np

    for target in (label, table[:, 1], np.c_[label, 1 - label], None):
        try:
            return cls().fit(table) if target is None else cls().fit(table, target)
        except Exception:
            continue
    return None


if __name__ == "__main__":
    _inside()
