"""The zoo: trained models of every framework, in one table that the tests and the bench share; it runs in the kernels'
environment, a process for each family."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FAMILIES = ("scikit", "boosting", "catboost_models", "keras_models", "torch_models", "flax_models")


@dataclass(frozen=True)
class Member:
    """One model, rows to predict, and what should become of it."""

    model: Any
    batch: tuple[Any, ...]
    """What the model is called with; the first axis of each is the rows."""
    fate: str = "model"
    reason: str = ""
    """A part of the reason, where the fate is another than `model`."""


@dataclass(frozen=True)
class Zoo:
    """A family's members by name, and the globals that lie around them in their notebook."""

    members: dict[str, Member]
    around: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """A member that was kept: `nebulab.models.keeping.Kept`, in this folder, among these globals."""

    name: str
    member: Member
    kept: Any
    folder: Path
    globals: dict[str, Any]


def keep_all(family: str) -> Iterator[Found]:
    """Make a family's models, as a notebook would in a job, and keep one after another."""
    from nebulab.models import samples

    samples.watch()
    zoo: Zoo = importlib.import_module(f"zoo.{family}").make()
    from nebulab.models import keep

    with tempfile.TemporaryDirectory() as folder:
        for name, member in zoo.members.items():
            around = zoo.around | {name: member.model}
            yield Found(name, member, keep(name, member.model, folder, around), Path(folder), around)
