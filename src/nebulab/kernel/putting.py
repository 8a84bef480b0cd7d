"""Files, folders and Python objects into the history; runs in the kernel."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nebulab.errors import SettingsError, TransferError
from nebulab.galaxy.cache import safe_name
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.contents import Item
from nebulab.galaxy.upload import Upload, upload, upload_folder
from nebulab.galaxy.waiting import verify_upload, wait_for_item
from nebulab.kernel.display import Bar, Wait

# Galaxy's own guess from the content of these is a more general datatype, such as `binary` or `zip`.
_BY_SUFFIX = {"onnx", "npy", "npz", "parquet", "safetensors"}

# Told from models by name, without a look at each library's classes.
_NO_MODELS = {"builtins", "pandas", "numpy", "matplotlib", "pathlib"}


def put_into(  # noqa: PLR0913 - the arguments of History.put, by name
    galaxy: Galaxy,
    history_id: str,
    thing: Any,
    *,
    name: str | None,
    ext: str | None,
    tags: list[str],
    wait: bool,
) -> Item:
    """See `nebulab.kernel.histories.History.put`."""
    path = _as_path(thing)
    if path is not None and path.is_dir():
        item = upload_folder(galaxy, history_id, path, name=name or "", ext=ext or "auto", tags=tags, progress=Bar())
        return wait_for_item(galaxy, item, seen=Wait(item.name).look) if wait else item
    if path is not None:
        return _send(galaxy, history_id, Upload(path, name or "", ext or datatype(path), tags), wait)
    if _is_model(thing):
        with tempfile.TemporaryDirectory(prefix="nebulab-put-") as folder:
            file, label = _kept(thing, name, Path(folder))
            return _send(galaxy, history_id, Upload(file, label, ext or datatype(file), tags), wait)
    form = _format(thing, name)
    label = name or f"{form.stem}.{form.suffix}"
    with tempfile.TemporaryDirectory(prefix="nebulab-put-") as folder:
        file = Path(folder) / safe_name(label)
        form.write(thing, file)
        return _send(galaxy, history_id, Upload(file, label, ext or form.ext, tags), wait)


def datatype(path: Path) -> str:
    """Return Galaxy's datatype for a file by its name, or `auto` where Galaxy finds it out."""
    suffix = path.suffix.lower().removeprefix(".")
    return suffix if suffix in _BY_SUFFIX else "auto"


def _send(galaxy: Galaxy, history_id: str, request: Upload, wait: bool) -> Item:
    size = request.path.stat().st_size if request.path.is_file() else 0
    item = upload(galaxy, history_id, request, progress=Bar())
    if wait:
        item = wait_for_item(galaxy, item, seen=Wait(item.name).look)
        verify_upload(item, size)
    return item


def _as_path(thing: Any) -> Path | None:
    """Return the path, or None for an object; a string of one line is a path."""
    if isinstance(thing, Path) or (isinstance(thing, str) and "\n" not in thing):
        path = Path(thing).expanduser()
        if not path.exists():
            raise TransferError(
                f"There is no file {str(path)!r}.",
                "Paths are relative to the notebook's folder. To put a text, end it with a line break.",
            )
        return path
    return None


@dataclass(frozen=True)
class _Format:
    """How an object becomes a file: its default name, Galaxy's datatype and the function that writes it."""

    stem: str
    suffix: str
    ext: str
    write: Callable[[Any, Path], None]


def _format(thing: Any, name: str | None) -> _Format:
    kind, formats = _formats(thing)
    suffix = Path(name).suffix.lower().removeprefix(".") if name else ""
    if suffix and suffix not in formats:
        raise SettingsError(
            f"There is no way to write {kind} as .{suffix}.", f"It can be one of: {', '.join(formats)}."
        )
    return formats[suffix] if suffix else next(iter(formats.values()))


def _formats(thing: Any) -> tuple[str, dict[str, _Format]]:
    """Return what the object is, for messages, and its formats by suffix, the default first."""
    if _is(thing, "pandas", "DataFrame") or _is(thing, "pandas", "Series"):
        return "a data frame", _FRAME
    if _is(thing, "numpy", "ndarray"):
        return "an array", _ARRAY
    if isinstance(thing, dict) and thing and all(_is(value, "numpy", "ndarray") for value in thing.values()):
        return "a dictionary of arrays", _ARRAYS
    if _is(thing, "matplotlib.figure", "Figure") or _is(getattr(thing, "figure", None), "matplotlib.figure", "Figure"):
        return "a figure", _FIGURE
    if isinstance(thing, bytes | bytearray | memoryview):
        return "bytes", _AnySuffix(_Format("data", "bin", "auto", lambda data, file: _write_bytes(file, data)))
    if isinstance(thing, str):
        return "text", _AnySuffix(_Format("text", "txt", "auto", lambda text, file: _write_bytes(file, text.encode())))
    if isinstance(thing, dict | list | tuple | int | float) or thing is None:
        return "a JSON document", _JSON
    raise SettingsError(
        f"A {type(thing).__module__}.{type(thing).__qualname__} can't be put into the history as it is.",
        "Write it to a file first, then put the file.",
    )


def _is_model(thing: Any) -> bool:
    if type(thing).__module__.partition(".")[0] in _NO_MODELS:
        return False
    from nebulab.models.libraries import library_of

    return library_of(thing) is not None


def _kept(model: Any, name: str | None, folder: Path) -> tuple[Path, str]:
    """Export a model with proof, or in its own format, tell which, and return the file and its name in the history."""
    from nebulab.models import keep

    label = Path(name) if name else Path(f"{type(model).__name__.lower()}.onnx")
    if label.suffix not in ("", ".onnx"):
        raise SettingsError(
            f"There is no way to put a model as {label.suffix}.", "Name it .onnx; what can't be one keeps its format."
        )
    kept = keep(safe_name(label.stem), model, folder, _notebooks_variables())
    if not kept.files:
        raise SettingsError(f"The model can't be put into the history: {kept.reason}.", "Train it first.")
    file = folder / kept.files[0]
    if kept.proof is not None and kept.fate == "model":
        print(f"{label.stem}: an ONNX file, which gives the model's predictions on {kept.proof.rows} rows.")
    else:
        print(f"{label.stem}: {kept.reason}")
    return file, f"{label.stem}{file.suffix}"


def _notebooks_variables() -> dict[str, Any]:
    """Return the notebook's variables, among which the rows to try a model on are looked for."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive else None
    return dict(shell.user_ns) if shell else {}


def _is(thing: Any, module: str, name: str) -> bool:
    """Whether this is an object of a library's class; a library that nobody imported has made none."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(thing, getattr(loaded, name))


class _AnySuffix(dict[str, _Format]):
    """One format for every suffix."""

    def __init__(self, form: _Format) -> None:
        super().__init__({form.suffix: form})
        self._form = form

    def __contains__(self, suffix: object) -> bool:
        return True

    def __missing__(self, suffix: str) -> _Format:
        return self._form


def _write_bytes(file: Path, data: Any) -> None:
    file.write_bytes(data)


def _write_delimited(separator: str) -> Callable[[Any, Path], None]:
    def write(frame: Any, file: Path) -> None:
        frame.to_csv(file, sep=separator, index=_has_index(frame), lineterminator="\n")

    return write


def _write_parquet(frame: Any, file: Path) -> None:
    (frame if hasattr(frame, "columns") else frame.to_frame()).to_parquet(file)


def _has_index(frame: Any) -> bool:
    """Whether the index says more than the rows' numbers."""
    import pandas as pd

    return frame.index.name is not None or not isinstance(frame.index, pd.RangeIndex)


def _write_array(array: Any, file: Path) -> None:
    import numpy as np

    with file.open("wb") as opened:
        np.save(opened, array, allow_pickle=False)


def _write_arrays(arrays: Any, file: Path) -> None:
    import numpy as np

    named = arrays if isinstance(arrays, dict) else {"array": arrays}
    with file.open("wb") as opened:
        np.savez(opened, **named)


def _write_hdf5(arrays: Any, file: Path) -> None:
    import h5py

    named = arrays if isinstance(arrays, dict) else {"array": arrays}
    with h5py.File(file, "w") as opened:
        for name, array in named.items():
            opened.create_dataset(name, data=array)


def _write_figure(figure: Any, file: Path) -> None:
    whole = figure if hasattr(figure, "savefig") else figure.figure
    whole.savefig(file, bbox_inches="tight", format=file.suffix.removeprefix(".").lower() or "png")


def _write_json(value: Any, file: Path) -> None:
    try:
        text = json.dumps(value, ensure_ascii=False, indent=1)
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"This can't be put into the history as JSON: {error}.", "Put its parts, or write it to a file first."
        ) from error
    file.write_text(text + "\n")


_FRAME = {
    "tsv": _Format("table", "tsv", "tabular", _write_delimited("\t")),
    "tabular": _Format("table", "tabular", "tabular", _write_delimited("\t")),
    "csv": _Format("table", "csv", "csv", _write_delimited(",")),
    "parquet": _Format("table", "parquet", "parquet", _write_parquet),
}
_ARRAY = {
    "npy": _Format("array", "npy", "npy", _write_array),
    "npz": _Format("array", "npz", "npz", _write_arrays),
    "h5": _Format("array", "h5", "h5", _write_hdf5),
}
_ARRAYS = {
    "npz": _Format("arrays", "npz", "npz", _write_arrays),
    "h5": _Format("arrays", "h5", "h5", _write_hdf5),
}
_FIGURE = {suffix: _Format("figure", suffix, suffix, _write_figure) for suffix in ("png", "svg", "pdf", "jpg")}
_JSON = {"json": _Format("data", "json", "json", _write_json)}
