"""Reading saved models and rows of data from files, and `nebulab verify`; runs in the kernels' environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nebulab.errors import NotebookError, SettingsError

_PICKLES = {".pickle", ".pkl", ".joblib"}
# PyTorch's own formats hold weights, or a pickle of an object whose class is in a notebook.
_WEIGHTS_ALONE = {".safetensors", ".pt", ".pth", ".ckpt"}


@dataclass(frozen=True)
class Verdict:
    """The result of `verify`."""

    proven: bool
    text: str


def read_model(path: Path, *, allow_pickle: bool = False) -> Any:
    """Return the model in a file.

    Raises
    ------
    SettingsError
        The file's kind is not known, its library is not installed, or it is a pickle and none may be read.
    """
    from nebulab.models.libraries import LIBRARIES

    suffix = path.suffix.lower()
    if suffix in _WEIGHTS_ALONE:
        raise SettingsError(
            f"{path.name} holds weights, and not the code of the network.",
            "Make the network in a notebook, load the weights into it, and call "
            "nebulab.models.keep('name', network, 'folder') after nebulab.sample(network, x).",
        )
    if suffix in _PICKLES and not allow_pickle:
        raise SettingsError(
            f"{path.name} is a pickle: reading it runs any code that it holds.", "If you trust it, add --allow-pickle."
        )
    readers = {each: library.read for library in LIBRARIES for each in library.suffixes}
    readers |= dict.fromkeys(_PICKLES, _pickle)
    folders = [library.read for library in LIBRARIES if library.folder_mark and (path / library.folder_mark).is_file()]
    reader = folders[0] if folders else readers.get(suffix)
    if reader is None:
        raise SettingsError(
            f"{path.name} is no model of a known kind.",
            f"Known are: {', '.join(sorted(readers))}, and the folder of a SavedModel.",
        )
    try:
        return reader(path)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{error.name} is not installed here.", "Run this where it is: in a terminal of a session, for example."
        ) from error
    except SettingsError:
        raise
    except Exception as error:  # each library raises its own
        raise SettingsError(f"{path.name} can't be read: {error}", "Was it written by another version?") from error


def read_sample(path: Path) -> Any:
    """Return rows of data: an array, or a data frame.

    Raises
    ------
    SettingsError
        The file's kind is not known.
    """
    import numpy as np
    import pandas as pd

    readers: dict[str, Callable[[Path], Any]] = {
        ".npy": lambda file: np.load(file, allow_pickle=False),
        ".csv": pd.read_csv,
        ".tsv": lambda file: pd.read_csv(file, sep="\t"),
        ".tabular": lambda file: pd.read_csv(file, sep="\t"),
        ".parquet": pd.read_parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise SettingsError(f"{path.name} is no table of a known kind.", f"Known are: {', '.join(sorted(readers))}.")
    try:
        return reader(path)
    except Exception as error:  # each reader raises its own
        raise SettingsError(f"{path.name} can't be read: {error}", "Is it whole?") from error


def export(path: Path, sample: Path | None, folder: Path, *, allow_pickle: bool = False) -> list[Path]:
    """Export the model in a file to `folder`, proven on the rows in the file `sample`; return the files that are there.

    Raises
    ------
    NotebookError
        There is no proven ONNX form; what could be kept of the model is in `folder`.
    SettingsError
        A file can't be read.
    """
    from nebulab.models import samples
    from nebulab.models.keeping import keep

    model = read_model(path, allow_pickle=allow_pickle)
    if sample is not None:
        samples.sample(model, read_sample(sample))
    kept = keep(path.stem, model, folder, {})
    if kept.fate != "model":
        raise NotebookError(f"{path.name} has no proven ONNX form: {kept.reason}", "Give data of yours with --sample.")
    return [folder / file for file in kept.files]


def verify(path: Path, against: Path | None, sample: Path | None, *, allow_pickle: bool = False) -> Verdict:
    """Describe an ONNX file and the proof in its card; with an original and rows, prove it anew.

    Raises
    ------
    SettingsError
        A file can't be read, or one of `against` and `sample` is missing.
    """
    from nebulab.models.card import checked_on
    from nebulab.models.predictor import Predictor

    predictor = Predictor(path)
    lines = [f"{path.name}", *(f"  in   {name}: {text}" for name, text in predictor.inputs.items())]
    lines += [f"  out  {output.name}: {output.type} {output.shape}" for output in predictor.session.get_outputs()]
    if (against is None) != (sample is None):
        raise SettingsError("To prove it anew both the original and rows are needed.", "Give --against and --sample.")
    if against is not None and sample is not None:
        return _anew(path, read_model(against, allow_pickle=allow_pickle), read_sample(sample), lines)
    card = predictor.card
    if card is None:
        return Verdict(False, "\n".join([*lines, "  No model card: another program wrote it, and nothing is proven."]))
    proof = card["proof"]
    lines += [f"  {card['class']}, made {card['date']}, code {card['code_sha256'][:12] or 'unknown'}"]
    lines += [f"  {checked_on(proof)}"]
    lines += [_line(output) for output in proof["outputs"]]
    return Verdict(bool(card["verified"]), "\n".join(lines))


def _anew(path: Path, original: Any, rows: Any, lines: list[str]) -> Verdict:
    from dataclasses import asdict

    from nebulab.models.libraries import library_of
    from nebulab.models.proof import Proof, prove
    from nebulab.models.samples import sample as remember

    library = library_of(original)
    if library is None:
        raise SettingsError("The original is no model of a known library.", "nebulab export --help lists them.")
    remember(original, rows)
    best: Proof | None = None
    for attempt in library.attempts(original, {}):
        try:
            best = prove(path, attempt)
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's, where the types of the inputs differ
            lines.append(f"  {attempt.precision}: {str(error).splitlines()[0]}")
            continue
        if best.holds:
            break
    if best is None:
        return Verdict(False, "\n".join([*lines, "  It can't be run on these rows."]))
    lines += [_line(output) for output in asdict(best)["outputs"]]
    conclusion = (
        f"  It gives the same predictions on {best.rows} row{'' if best.rows == 1 else 's'}."
        if best.holds
        else f"  NOT the same: {best.reason}"
    )
    return Verdict(best.holds, "\n".join([*lines, conclusion]))


def _line(output: dict[str, Any]) -> str:
    if output["labels_agree"] is not None:
        return f"    {output['output']} = {output['original']}: {output['labels_agree']:.1%} of the labels agree"
    if output["largest_absolute"] is None:
        return f"    {output['output']}: another shape than {output['original']}"
    return (
        f"    {output['output']} = {output['original']}: largest difference {output['largest_absolute']:.3g}, "
        f"{output['largest_relative']:.3g} of the largest value"
    )


def _pickle(path: Path) -> Any:
    import joblib

    return joblib.load(path)
