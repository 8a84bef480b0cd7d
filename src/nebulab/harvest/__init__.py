"""The harvest: a notebook's globals kept without loss, and read back; runs in the kernel of a batch job.

`start` is called before the first cell and `finish` after the last one, by the runner (`nebulab.notebooks`).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

__all__ = ["finish", "load", "start"]


class _Started:
    """State between `start` and `finish`: the globals before the first cell, and the figures shown."""

    before: dict[str, int] = {}  # noqa: RUF012 - one notebook, one kernel
    shown: Any = None


def start(folder: str) -> None:
    """Remember what the kernel holds before the first cell, and keep the figures that cells will show."""
    from nebulab.harvest.figures import Shown

    shell = _shell()
    _Started.before = {name: id(value) for name, value in shell.user_ns.items()}
    _Started.shown = Shown(Path(folder) / "figures")
    _Started.shown.attach(shell)


def finish(folder: str, limits: str = "{}", *, models: bool = True) -> None:
    """Harvest the notebook's globals into `folder`.

    Parameters
    ----------
    limits
        JSON of the `Limits` (`nebulab.harvest.limits`) that differ from their defaults.
    models
        Whether to export models too, which takes longest.
    """
    from nebulab.harvest.inventory import Harvest
    from nebulab.harvest.limits import Limits, short_turns

    harvest = Harvest(_shell().user_ns, Path(folder), Limits(**json.loads(limits)), before=_Started.before)
    with harvest.clock.stoppable(), short_turns():
        if _Started.shown is not None:
            harvest.figures(_Started.shown)
        harvest.data()
        if models:
            from nebulab.models import is_model, keep

            harvest.models(keep, is_model)


def load(path: str | Path) -> Any:
    """Read back what a harvest, or `history.train`, has kept; a warning names what could not be read.

    Parameters
    ----------
    path
        An HDF5 file of arrays (returns a dictionary by name), a Parquet table (a data frame), an ONNX model (a
        predictor), or a harvest's folder (a dictionary of all its arrays and tables).

    Raises
    ------
    SettingsError
        There is no such file, or it is of another kind.
    """
    from nebulab.errors import SettingsError

    path = Path(path)
    if path.is_dir():
        files = [file for file in [path / "arrays.h5"] if file.is_file()]
        values: dict[str, Any] = {}
        for arrays in _readable(path, {file.name: partial(load, file) for file in files}).values():
            values |= arrays
        readers = {table.stem: partial(load, table) for table in sorted(path.glob("tables/*.parquet"))}
        return values | _readable(path, readers)
    reader = _READERS.get(path.suffix.lower()) or (_by_content(path) if path.is_file() else None)
    if reader is None:
        raise SettingsError(
            f"There is nothing to load at {path}.", "Give an .h5, .parquet or .onnx file, or the folder of a harvest."
        )
    return reader(path)


def _shell() -> Any:
    from IPython import get_ipython

    return get_ipython()


def _load_hdf5(path: Path) -> dict[str, Any]:
    import h5py

    from nebulab.harvest.codecs import decode

    with h5py.File(path) as file:
        return _readable(path, {name: partial(_decode_member, decode, file, name) for name in file})


def _decode_member(decode: Callable[[Any], Any], file: Any, name: str) -> Any:
    return decode(file[name])


def _readable(path: Path, readers: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Return what can be read, by name; warn with the names of the rest."""
    values, faults = {}, []
    for name, reader in readers.items():
        try:
            values[name] = reader()
        except Exception as error:  # noqa: BLE001 - a missing library, a damaged file: the others are read
            text = (str(error).splitlines() or [""])[0]
            faults.append(f"{name} ({type(error).__name__}: {text[:200]})")
    if faults:
        warnings.warn(f"{path}: not read: {'; '.join(faults)}", stacklevel=3)
    return values


def _load_parquet(path: Path) -> Any:
    from nebulab.harvest.tables import read

    return read(path)


def _load_onnx(path: Path) -> Any:
    from nebulab.models import load as load_model

    return load_model(path)


_READERS: dict[str, Callable[[Path], Any]] = {
    ".h5": _load_hdf5,
    ".hdf5": _load_hdf5,
    ".parquet": _load_parquet,
    ".onnx": _load_onnx,
}


def _by_content(path: Path) -> Callable[[Path], Any] | None:
    """Return the reader by the file's first bytes: a dataset of Galaxy is called .dat."""
    with path.open("rb") as file:
        beginning = file.read(8)
    if beginning == b"\x89HDF\r\n\x1a\n":
        return _load_hdf5
    return _load_parquet if beginning.startswith(b"PAR1") else None
