"""Runs inside the kernels' environment: export each model of a zoo, and print what became of it as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Zoo = tuple[dict[str, Any], dict[str, Any]]


def main(make: Callable[[], Zoo]) -> None:
    """Make a zoo (models, and the globals around them), keep each, and print fate, reason and proof by name."""
    from nebulab.models import samples

    samples.watch()
    models, around = make()
    from nebulab.models import keep, load

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, model in models.items():
            kept = keep(name, model, folder, around | {name: model})
            found[name] = {"fate": kept.fate, "reason": kept.reason, "files": list(kept.files)}
            if kept.proof is not None:
                found[name] |= {"sample": kept.proof.sample, "precision": kept.proof.precision}
            if kept.fate == "model":
                found[name]["inputs"] = load(Path(folder) / kept.files[0]).inputs
            found[name]["there"] = all((Path(folder) / file).is_file() for file in kept.files)
    sys.__stdout__.write("\n@@" + json.dumps(found) + "\n")
