"""A downloaded dataset as a Python object: which reader for which datatype; runs in the kernel."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

_HEADERLESS = {"bed", "interval", "gff", "gff3", "gtf", "vcf", "sam"}
# Datatypes that leave open what is inside; then the name's own extension says more.
_GENERIC = {"", "data", "binary", "txt"}


def read_file(path: Path, extension: str, options: dict[str, Any]) -> Any:
    """Return the content of the file; `extension` is Galaxy's datatype and `options` go to pandas.

    Raises
    ------
    TypeError
        There are options, and the file is no table.
    """
    kind = extension if extension not in _GENERIC else path.suffix.lower().removeprefix(".")
    reader = _READERS.get(kind.removesuffix(".gz").removesuffix(".bz2"))
    if reader is not None:
        return reader(path, options)
    if options:
        raise TypeError(f"{path.name} is no table, and takes no options: {', '.join(options)}")
    return _text_or_bytes(path)


def _delimited(separator: str, **defaults: Any) -> Callable[[Path, dict[str, Any]], Any]:
    def read(path: Path, options: dict[str, Any]) -> Any:
        import pandas as pd

        if path.stat().st_size == 0:
            return pd.DataFrame()
        return pd.read_csv(path, **({"sep": separator, "compression": _compression(path)} | defaults | options))

    return read


def _compression(path: Path) -> str | None:
    """Return the compression by the content: a history's names say it seldom."""
    with path.open("rb") as file:
        start = file.read(3)
    return {b"\x1f\x8b": "gzip", b"BZ": "bz2"}.get(start[:2])


def _parquet(path: Path, options: dict[str, Any]) -> Any:
    import pandas as pd

    return pd.read_parquet(path, **options)


def _json(path: Path, options: dict[str, Any]) -> Any:
    return json.loads(path.read_bytes(), **options)


def _array(path: Path, options: dict[str, Any]) -> Any:
    import numpy as np

    return np.load(path, allow_pickle=False, **options)


def _arrays(path: Path, options: dict[str, Any]) -> Any:
    import numpy as np

    with np.load(path, allow_pickle=False, **options) as archive:
        return {name: archive[name] for name in archive.files}


def _hdf5(path: Path, _options: dict[str, Any]) -> Any:
    import h5py

    arrays: dict[str, Any] = {}

    def take(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            arrays[name] = node[()]

    with h5py.File(path, "r") as file:
        file.visititems(take)
    return arrays


def _text_or_bytes(path: Path) -> str | bytes:
    content = path.read_bytes()
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


_READERS: dict[str, Callable[[Path, dict[str, Any]], Any]] = {
    "tabular": _delimited("\t"),
    "tsv": _delimited("\t"),
    "csv": _delimited(","),
    **dict.fromkeys(_HEADERLESS, _delimited("\t", header=None, comment="#")),
    "parquet": _parquet,
    "json": _json,
    "ipynb": _json,
    "npy": _array,
    "npz": _arrays,
    "h5": _hdf5,
    "hdf5": _hdf5,
}
