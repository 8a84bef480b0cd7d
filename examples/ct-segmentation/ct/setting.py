"""How large the network is and how long it trains: the published setting, and one for a processor."""

from __future__ import annotations

from dataclasses import dataclass

PUBLISHED_TV = 2.4e-7
"""The published weight of the total variation."""


@dataclass(frozen=True)
class Setting:
    """How large and how long: `width` are the filters of the first level, which double on each of four levels below.

    `rate` is Adam's; it is divided by 10 after `plateau` epochs without a better loss on the validation's slices,
    down to 1e-5;
    after `patience` such epochs the training ends, and the best weights are taken.
    """

    width: int = 64
    batch: int = 32
    epochs: int = 200
    rate: float = 1e-3
    plateau: int = 5
    patience: int = 30
    dropout: float = 0.2


PUBLISHED = Setting()
"""64-128-256-512-1024 filters, batches of 32; 34.5 million weights: for a GPU."""

PROCESSOR = Setting(width=8, batch=8, epochs=16, rate=3e-3, plateau=3, patience=8)
"""The same network with an eighth of the filters, in small batches and with larger steps: minutes on two processors."""
