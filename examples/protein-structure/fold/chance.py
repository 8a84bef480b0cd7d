"""Weights drawn by chance, for a network of two blocks: every step runs in a minute, and nothing it says is true.

AlphaFold2 has 48 blocks, with 93 million weights in all. Only inside `two_blocks()` it is smaller: real weights are
read by the real network.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fold.weights import NAMES

BLOCKS = 2
_SPREAD = 1.5
_SMALLER = {"predicted_aligned_error_head": 0.03, "predicted_lddt_head": 1.0}
"""The heads' weights, in parts of the others': else all of their probability lies in one bin."""
_SEQUENCE = "MKTAYIAKQRQISFVK"


@contextmanager
def two_blocks() -> Iterator[None]:
    """Let AlphaFold2's configurations be those of a network with two blocks."""
    from alphafold.model import config

    whole = config.model_config

    def small(name: str) -> Any:
        made = whole(name)
        evoformer = made.model.embeddings_and_evoformer
        evoformer.evoformer_num_block = BLOCKS
        evoformer.extra_msa_stack_num_block = 1
        return made

    config.model_config = small
    try:
        yield
    finally:
        config.model_config = whole


def weights(folder: Path, seed: int = 0) -> Path:
    """Write weights of the right names and shapes, drawn by chance, and return the folder; 27 MB on the disk."""
    import numpy as np

    if all((folder / name).is_file() for name in NAMES):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    drawn: dict[str, Any] = {}
    for scope, shapes in _shapes().items():
        smaller = next((factor for part, factor in _SMALLER.items() if part in scope), 1.0)
        for name, shape in shapes.items():
            if name in ("offset", "bias", "scale"):
                values = np.full(shape.shape, name == "scale", np.float32)
            else:
                spread = _SPREAD * smaller / np.sqrt(max(np.prod(shape.shape[:-1]), 1))
                values = spread * rng.standard_normal(shape.shape, dtype=np.float32)
            drawn[f"{scope}//{name}"] = values.astype(np.float32)
    part = folder / "part.npz"
    np.savez(part, **drawn)
    for name in NAMES:  # the same for all five: one file with five names
        (folder / name).unlink(missing_ok=True)
        os.link(part, folder / name)
    part.unlink()
    return folder


def _shapes() -> Any:
    """Return the names and shapes of all weights of the small network, as ColabFold's files have them."""
    import jax
    import numpy as np
    from alphafold.model import config, model
    from colabfold import batch

    with two_blocks():
        made = config.model_config("model_3_ptm")
    made.data.eval.num_ensemble = 1
    made.data.common.num_recycle = made.model.num_recycle = 0
    for way in ("incoming", "outgoing"):
        # The files have these two apart; ColabFold joins them when it reads.
        made.model.embeddings_and_evoformer.evoformer[f"triangle_multiplication_{way}"].fuse_projection_weights = False
    runner = model.RunModel(made, None)
    template = batch.mk_mock_template(_SEQUENCE)
    features = runner.process_features(batch.build_monomer_feature(_SEQUENCE, f">101\n{_SEQUENCE}\n", template), 0)
    length = features["aatype"].shape[-1]
    features["prev"] = {
        "prev_msa_first_row": np.zeros([length, 256], np.float32),
        "prev_pair": np.zeros([length, length, 128], np.float32),
        "prev_pos": np.zeros([length, 37, 3], np.float32),
    }
    return jax.eval_shape(runner.init, jax.random.PRNGKey(0), features)
