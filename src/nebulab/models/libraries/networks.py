"""Common parts of the libraries of neural networks; runs in the kernel."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator

ROWS = 8
"""Number of a sample's rows on which a network is tried."""
TELL = "call nebulab.sample(model, x) with a few rows of its input"
"""The remedy if there is no sample."""
WEIGHTS_ALONE = "the weights alone: the network's code is in the notebook"
"""The remark on a file of weights."""


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Silence the converters: no log messages, warnings or prints in the notebook."""
    import logging

    previous = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
