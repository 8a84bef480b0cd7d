"""Variables of the real Keras in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from support.round_trip import check_examples, node_of


def check_round_trips(folder: Path) -> None:
    check_examples(folder, "keras variable")


def check_other_readers_see_an_array(folder: Path) -> None:
    import keras

    attributes, content = node_of(folder, keras.Variable(np.ones(2, "float32")))
    assert attributes["nebulab"] == "array"
    assert content.tolist() == [1, 1]
