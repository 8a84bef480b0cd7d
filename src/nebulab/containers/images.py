"""An image of ours: which variant it is, and its layers; runs on one machine."""

from __future__ import annotations

import json
from collections.abc import Sequence

from nebulab.containers.engine import Engine
from nebulab.errors import ImageError

VARIANTS = ("lab", "cpu", "tensorflow-cuda12", "torch-jax-cuda13", "cuda12")

_VARIANT_LABEL = "org.nebulab.variant"
_ENVIRONMENT = "make-environment"


def variant_of(engine: Engine, tag: str) -> str:
    """Return which variant the image `tag` is.

    Raises
    ------
    ImageError
        There is no such image, or it is none of ours.
    """
    said = engine.ask("inspect", "--type", "image", "--format", "{{json .Config.Labels}}", tag)
    if said is None:
        raise ImageError(f"There is no image {tag}.", f"Build it: nebulab image build --tag {tag}")
    variant = (json.loads(said) or {}).get(_VARIANT_LABEL)
    if variant not in VARIANTS:
        raise ImageError(f"{tag} is no image of Nebulab's.", f"Images that are: {engine.name} images")
    return str(variant)


def layers(engine: Engine, tag: str) -> list[tuple[int, str]]:
    """Return the layers that hold anything, lowest first: bytes unpacked, and what made them."""
    said = engine.ask("history", "--human=false", "--no-trunc", "--format", "{{.Size}}\t{{.CreatedBy}}", tag) or ""
    found = []
    for line in reversed(said.splitlines()):
        size, _, made_by = line.partition("\t")
        found.append((_bytes(size), made_by))
    return [(size, made_by) for size, made_by in found if size]


def own(layers: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return those of an image's `layers` that a change of Nebulab's own code renews: all above the environments."""
    highest = max((place for place, (_, made_by) in enumerate(layers) if _ENVIRONMENT in made_by), default=-1)
    return list(layers[highest + 1 :])


def _bytes(said: str) -> int:
    """Read a size, which podman gives with a unit even where it was asked not to."""
    number, _, unit = said.strip().partition(" ")
    for name, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3), ("B", 1)):
        if (unit or number).endswith(name):
            return round(float(number.removesuffix(name)) * factor)
    return int(number)
