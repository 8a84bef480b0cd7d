"""What the libraries of neural networks have in common; runs in the kernel."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator

ROWS = 8
"""How many rows of a sample a network is tried on."""
TELL = "call nebulab.sample(model, x) with a few rows of its input"
"""What helps where nothing tells a network's input."""
WEIGHTS_ALONE = "the weights alone: the network's code is in the notebook"
"""The remark on a file of weights."""


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep the converters' chatter out of the notebook's log."""
    import logging

    previous = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
