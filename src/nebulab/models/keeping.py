"""Keeping one trained model in a folder: as ONNX with proof, else in its own format with the reason; runs in the
kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nebulab.models import card
from nebulab.models.attempt import Attempt, CantExport, Untrained, first_line
from nebulab.models.libraries import Library, library_of
from nebulab.models.mending import mend
from nebulab.models.proof import Proof, droppable, prove

MODELS, CARDS, NATIVE = "models", "cards", "native_models"
_LARGEST_BYTES = 2**31 - 1


@dataclass
class Kept:
    """The fate of a model (`model`, `native model`, `not kept`), its files below the folder, and the reason."""

    fate: str
    files: list[str] = field(default_factory=list)
    reason: str = ""
    proof: Proof | None = None


def keep(name: str, model: Any, folder: Path, namespace: Mapping[str, Any], *, ended: str = "") -> Kept:
    """Export `model` to `folder/models/<name>.onnx` and prove it, or keep it in its own format.

    The model card goes to `folder/cards`, and into the ONNX file's metadata.

    Parameters
    ----------
    name
        The name of the model's variable.
    namespace
        The notebook's globals, which are searched for samples and metrics.
    ended
        Why a first export was ended, if it was: the model is kept in its own format, and no other export begins.

    Raises
    ------
    SettingsError
        `model` is no model of a known library.
    """
    library = library_of(model)
    if library is None:
        from nebulab.errors import SettingsError

        raise SettingsError(f"{name} is no model of a known library.", "nebulab export --help lists them.")
    if ended:
        return _native(name, model, library, folder, namespace, None, f"no ONNX: {ended}")
    target = folder / MODELS / f"{name}.onnx"
    part, best = target.with_name(f".{name}.part.onnx"), target.with_name(f".{name}.best.onnx")
    target.parent.mkdir(parents=True, exist_ok=True)
    reason = ""
    proof = None
    try:
        for attempt in library.attempts(model, namespace):
            tried, refusal = _try(attempt, part)
            reason = reason or refusal
            proof = _better(proof, tried)
            if proof is tried and proof is not None and proof.holds:
                part.replace(best)
                features = attempt.features
                if not proof.elsewhere:
                    break
        if proof is not None and proof.holds:
            model_card = card.make(name, model, library, namespace, proof)
            card.complete(model_card, best, features)
            best.replace(target)
            cards = card.write(model_card, folder / CARDS)
            return Kept("model", [f"{MODELS}/{target.name}", *cards], "", proof)
    except Untrained as error:
        return Kept("not kept", [], str(error))
    except CantExport as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - converters raise whatever they meet
        reason = reason or first_line(error)
    finally:
        part.unlink(missing_ok=True)
        best.unlink(missing_ok=True)
    return _native(name, model, library, folder, namespace, proof, f"no ONNX: {reason or 'no converter takes it'}")


def _better(before: Proof | None, proof: Proof | None) -> Proof | None:
    """Return the proof that holds; of two, the one with fewer differences on hard rows."""
    if proof is None or (before is not None and before.holds and not proof.holds):
        return before
    if before is None or not before.holds:
        return proof
    worst, other = (sum(each.fails + each.differ for each in one.elsewhere) for one in (before, proof))
    return proof if other < worst else before


def _try(attempt: Attempt, path: Path) -> tuple[Proof | None, str]:
    try:
        attempt.write(path)
    except Exception as error:  # noqa: BLE001 - converters raise whatever they meet
        return None, first_line(error)
    if path.stat().st_size > _LARGEST_BYTES:
        return None, "it needs more than the 2 GB that one ONNX file can hold"
    try:
        proof = _prove(path, attempt)
        surplus = droppable(proof, attempt)
        if surplus:
            card.drop_outputs(path, surplus)
            proof = prove(path, attempt)
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's, for what it has no operator for
        return None, f"the exported file does not run: {first_line(error)}"
    return proof, proof.reason


def _prove(path: Path, attempt: Attempt) -> Proof:
    try:
        return prove(path, attempt)
    except Exception:  # ONNX Runtime's, for what it has no operator for
        if not mend(path):
            raise
        return prove(path, attempt)


def _native(  # noqa: PLR0913 - each is given by name
    name: str,
    model: Any,
    library: Library,
    folder: Path,
    namespace: Mapping[str, Any],
    proof: Proof | None,
    reason: str,
) -> Kept:
    own = folder / NATIVE
    own.mkdir(parents=True, exist_ok=True)
    try:
        path, remark = library.native(model, own, name, namespace)
    except Exception as error:  # noqa: BLE001 - libraries raise whatever they meet
        first = first_line(error)
        try:
            path, remark = _pickled(model, own, name), f"a PICKLE, which runs code when it is read ({first})"
        except Exception as second:  # noqa: BLE001 - pickle runs the model's own code
            return Kept(
                "not kept", [], f"{reason}; and its own format fails: {first}; nor a pickle: {first_line(second)}"
            )
    whole = f"{reason}; kept as {path.name}" + (f": {remark}" if remark else "")
    model_card = card.make(name, model, library, namespace, proof, whole)
    return Kept("native model", [f"{NATIVE}/{path.name}", *card.write(model_card, folder / CARDS)], whole, proof)


def _pickled(model: Any, folder: Path, name: str) -> Path:
    import pickle

    path = folder / f"{name}.pickle"
    try:
        with path.open("wb") as file:
            pickle.dump(model, file)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path
