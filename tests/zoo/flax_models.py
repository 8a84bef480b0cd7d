"""Flax's modules on JAX: nnx, which hold their weights, and linen, whose weights lie beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo import Member, Zoo


def make() -> Zoo:
    import jax
    from flax import linen, nnx

    random = np.random.default_rng(0)
    table = random.normal(size=(40, 4)).astype("float32")
    images = random.normal(size=(20, 8, 8, 1)).astype("float32")
    series = random.normal(size=(20, 7, 8)).astype("float32")

    class Dense(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.first, self.second = nnx.Linear(4, 8, rngs=rngs), nnx.Linear(8, 2, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.second(nnx.relu(self.first(x)))

    class Convolution(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.convolution = nnx.Conv(1, 4, (3, 3), rngs=rngs)
            self.norm = nnx.BatchNorm(4, rngs=rngs)
            self.dropout = nnx.Dropout(0.5, rngs=rngs)
            self.out = nnx.Linear(4, 2, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.out(self.dropout(nnx.relu(self.norm(self.convolution(x)))).mean(axis=(1, 2)))

    class Transformer(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.attention = nnx.MultiHeadAttention(2, 8, decode=False, rngs=rngs)
            self.norm = nnx.LayerNorm(8, rngs=rngs)
            self.first, self.second = nnx.Linear(8, 16, rngs=rngs), nnx.Linear(16, 8, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            attended = self.norm(x + self.attention(x))
            return attended + self.second(nnx.gelu(self.first(attended)))

    class Linen(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            return linen.Dense(3)(linen.relu(linen.Dense(5)(x)))

    module, words = Linen(), random.integers(0, 9, (20, 6))
    members = {
        "dense": Member(Dense(nnx.Rngs(0)), (table,)),
        "convolution": Member(Convolution(nnx.Rngs(0)), (images,)),
        "transformer": Member(Transformer(nnx.Rngs(0)), (series,)),
        "linen": Member(module, (table,)),
    }
    members |= _of_other_numbers(series, random.random((20, 7)) > 0.4, words)
    around = {"X_train": table, "X_images": images, "X_series": series, "X_words": words}
    return Zoo(members, around | {"params": module.init(jax.random.key(0), table[:1])})


def _of_other_numbers(series: Any, mask: Any, words: Any) -> dict[str, Member]:
    """Modules that take truth values and whole numbers."""
    from flax import nnx

    from nebulab.models import sample

    class Masked(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.attention = nnx.MultiHeadAttention(2, 8, decode=False, rngs=rngs)

        def __call__(self, x: Any, mask: Any) -> Any:
            return self.attention(x, mask=mask[:, None, None, :])

    class Words(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.embedding = nnx.Embed(9, 4, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.embedding(x).mean(axis=1)

    masked = Masked(nnx.Rngs(0))
    sample(masked, series, mask)
    return {"masked": Member(masked, (series, mask)), "words": Member(Words(nnx.Rngs(0)), (words,))}
