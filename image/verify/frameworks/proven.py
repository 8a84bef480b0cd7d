"""For the scripts beside this one: a training that learned, and a model whose ONNX file computes the same."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

VARIANT = os.environ["NEBULAB_VARIANT"]


def only_in(*variants: str) -> None:
    """End well where the variant does not have this framework."""
    if VARIANT not in variants:
        print(f"not in {VARIANT}")
        sys.exit()


def learned(name: str, losses: Sequence[float]) -> None:
    """Fail unless the loss fell by a tenth and more."""
    first, last = float(losses[0]), float(losses[-1])
    print(f"{name}: loss {first:.4f} -> {last:.4f}")
    assert last < 0.9 * first, f"{name} did not learn: {losses}"


def exported(name: str, model: Any, around: Mapping[str, Any]) -> None:
    """Export with proof, then run the file on its own."""
    from nebulab.models import keep, load

    with tempfile.TemporaryDirectory() as folder:
        kept = keep(name, model, folder, {**around, name: model})
        assert kept.fate == "model", f"{name}: {kept.reason}"
        predictor = load(Path(folder) / kept.files[0])
        print(f"{name}: {kept.files[0]}, {predictor.inputs}")
