"""Tensors and variables of the real TensorFlow in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.round_trip import check_examples, refusal


def check_round_trips(folder: Path) -> None:
    check_examples(folder, "tensorflow", "tensorflow variable")


def check_a_tensor_of_a_graph_has_no_value(folder: Path) -> None:
    import tensorflow as tf

    seen = []

    def traced(x: Any) -> Any:
        seen.append(x)
        return x

    tf.function(traced)(tf.ones(2))
    assert "graph" in refusal(folder, seen[0])
