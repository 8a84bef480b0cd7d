"""PyTorch's modules, which tell nothing of their inputs: what they were called with does."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo import Member, Zoo


def make() -> Zoo:
    import torch
    from torch import nn

    torch.manual_seed(0)
    table = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    rows = torch.tensor(table)

    class Sequence(nn.Module):
        def __init__(self, layer: Any) -> None:
            super().__init__()
            self.layer = layer
            self.out = nn.Linear(6, 1)

        def forward(self, x: Any) -> Any:
            return self.out(self.layer(x)[0][:, -1])

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
            self.norm, self.out = nn.BatchNorm2d(8), nn.Linear(8, 10)

        def forward(self, x: Any) -> Any:
            narrow = self.first(x).relu()
            return self.out((narrow + self.norm(self.second(narrow))).relu().mean(dim=(2, 3)))

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(1, 32, 3, padding=1), nn.Conv2d(32, 64, 3, padding=1)
            self.up, self.out = nn.ConvTranspose2d(64, 32, 2, stride=2), nn.Conv2d(64, 2, 1)
            self.pool = nn.MaxPool2d(2)

        def forward(self, x: Any) -> Any:
            whole = self.first(x).relu()
            half = self.second(self.pool(whole)).relu()
            return self.out(torch.cat([whole, self.up(half)], dim=1)).sigmoid()

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(4, 2)
            self.embedding = nn.Embedding(5, 2)

        def forward(self, x: Any, which: Any) -> Any:
            return {"sum": self.dense(x) + self.embedding(which), "part": self.embedding(which)}

    images, series = torch.randn(20, 1, 16, 16), torch.randn(40, 9, 3)
    parts = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)]
    block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    members = {
        "dense": Member(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 2)), (rows,)),
        "convolution": Member(nn.Sequential(*parts), (images,)),
        "residual": Member(Residual(), (images,)),
        "unet": Member(UNet(), (torch.randn(8, 1, 64, 64),)),
        "lstm": Member(Sequence(nn.LSTM(3, 6, batch_first=True)), (series,)),
        "gru": Member(Sequence(nn.GRU(3, 6, batch_first=True)), (series,)),
        "transformer": Member(nn.TransformerEncoder(block, 2), (torch.randn(20, 7, 8),)),
        "two_inputs": Member(Two(), (rows, torch.randint(0, 5, (40,)))),
    }
    for member in members.values():
        member.model(*member.batch)
    members |= (
        _by_name(rows)
        | _together(rows)
        | _of_other_bits(rows)
        | _time_first(torch.randn(9, 40, 3))
        | _hidden(torch.randn(20, 5, 8))
    )
    members |= {
        "not_called": Member(nn.Linear(4, 1), (rows,)),
        "loss": Member(nn.CrossEntropyLoss(), (rows,), "not kept", "no weights"),
    }
    return Zoo(members, {"X_train": table})


def _by_name(rows: Any) -> dict[str, Member]:
    """Modules as many of texts: called by name, or with a dictionary, and a mask that changes the answer."""
    import torch
    from torch import nn

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(4, 2)

        def forward(self, x: Any, mask: Any = None, scale: float = 1.0) -> Any:
            answer = self.dense(x["rows"] if isinstance(x, dict) else x) * scale
            return answer if mask is None else answer * mask

    zeros = torch.zeros(40, 1)
    members = {name: Member(Named(), (rows,)) for name in ("masked", "by_name", "in_a_dictionary")}
    members["masked"].model(rows, mask=zeros)
    members["by_name"].model(mask=zeros, x=rows, scale=2.0)
    members["in_a_dictionary"].model({"rows": rows}, scale=2.0)
    return members


def _hidden(series: Any) -> dict[str, Member]:
    """Modules with masks of truth values: of padding, and of what comes later."""
    import torch
    from torch import nn

    class Attended(nn.Module):
        def __init__(self, *, pooled: bool = False, fast: bool = True) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.encoder, self.pooled = nn.TransformerEncoder(layer, 1, enable_nested_tensor=fast), pooled

        def forward(self, x: Any, padding: Any = None, later: Any = None) -> Any:
            answer = self.encoder(x, mask=later, src_key_padding_mask=padding)
            return answer.mean(1) if self.pooled else answer

    padding = torch.arange(5).expand(20, 5) >= torch.arange(20)[:, None] % 4 + 2
    later = torch.ones(5, 5).triu(1).bool()
    batch = (series, padding)
    members = {
        "padded": Member(Attended(), batch),
        "padded_slowly": Member(Attended(pooled=True, fast=False), batch),
        "padded_pooled": Member(Attended(pooled=True), batch, "native model", "enable_nested_tensor=False"),
        "causal": Member(Attended(), (series, None, later), "native model", "goes another way for other values"),
    }
    for member in members.values():
        member.model(*member.batch)
    return members


def _together(rows: Any) -> dict[str, Member]:
    """Modules whose answer for a row depends on the others in its batch."""
    from torch import nn

    class Centred(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            return self.dense(x - x.mean(dim=0)).softmax(dim=1)

    norm = nn.BatchNorm1d(8, track_running_stats=False)
    members = {
        "norm_of_the_batch": Member(nn.Sequential(nn.Linear(4, 8), norm), (rows,)),
        "centred": Member(Centred(), (rows,)),
    }
    for member in members.values():
        member.model(*member.batch)
    return members


def _of_other_bits(rows: Any) -> dict[str, Member]:
    """Modules whose weights are no float32; one casts to bfloat16 by itself."""
    import torch
    from torch import nn

    class Casting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(4, 2).bfloat16()

        def forward(self, x: Any) -> Any:
            return self.dense(x.bfloat16()).float()

    def dense(numbers: Any) -> Member:
        return Member(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).to(numbers), (rows.to(numbers),))

    members = {
        "bfloat16": dense(torch.bfloat16),
        "float16": dense(torch.float16),
        "float64": dense(torch.float64),
        # ONNX Runtime has no such convolution of 64 bits.
        "convolution64": Member(nn.Conv1d(1, 2, 3).double(), (rows[:, None].double(),)),
        "casting": Member(Casting(), (rows,), "native model", "model.float()"),
        "complex64": Member(
            nn.Linear(4, 2).to(torch.complex64), (rows.to(torch.complex64),), "native model", "complex"
        ),
    }
    for member in members.values():
        member.model(*member.batch)
    return members


def _time_first(series: Any) -> dict[str, Member]:
    """Recurrent networks and a transformer with time first, as PyTorch has them unless it is told otherwise."""
    import torch
    from torch import nn

    class Last(nn.Module):
        def __init__(self, layer: Any) -> None:
            super().__init__()
            self.layer, self.out = layer, nn.Linear(6, 1)

        def forward(self, x: Any, state: Any = None) -> Any:
            return self.out(self.layer(x, state)[0][-1])

    members = {
        "time_first": Member(Last(nn.LSTM(3, 6)), (series,)),
        "time_first_steps": Member(nn.GRU(3, 6), (series,)),
        "time_first_state": Member(Last(nn.GRU(3, 6)), (series, torch.randn(1, 40, 6))),
        "time_first_attention": Member(nn.TransformerEncoderLayer(6, 2, 8), (torch.randn(9, 40, 6),)),
    }
    for member in members.values():
        member.model(*member.batch)
    return members
