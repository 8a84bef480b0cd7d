"""PyTorch's modules, which tell nothing of their inputs: what they were called with does."""

from __future__ import annotations

import numpy as np
from report import Zoo, main


def make() -> Zoo:
    import torch
    from torch import nn

    torch.manual_seed(0)
    table = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")

    class Sequence(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(3, 6, batch_first=True)
            self.out = nn.Linear(6, 1)

        def forward(self, x):
            return self.out(self.lstm(x)[0][:, -1])

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(4, 2)
            self.embedding = nn.Embedding(5, 2)

        def forward(self, x, which):
            return {"sum": self.dense(x) + self.embedding(which), "part": self.embedding(which)}

    dense = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 2))
    dense(torch.tensor(table[:5]))
    parts = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)]
    convolution = nn.Sequential(*parts)
    convolution(torch.randn(6, 1, 12, 12))
    sequence = Sequence()
    sequence(torch.randn(7, 9, 3))
    transformer = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1)
    transformer(torch.randn(5, 7, 8))
    two = Two()
    two(torch.tensor(table[:6]), torch.randint(0, 5, (6,)))
    models = {
        "dense": dense,
        "convolution": convolution,
        "sequence": sequence,
        "transformer": transformer,
        "two_inputs": two,
        "not_called": nn.Linear(4, 1),
        "loss": nn.CrossEntropyLoss(),
    }
    return models, {"X_train": table}


main(make)
