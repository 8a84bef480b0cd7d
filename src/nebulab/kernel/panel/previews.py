"""A look into a dataset for the Galaxy panel: what it is, and its beginning as plain values; a process of the kernels'
environment.

Only as much is read as is shown. What a dataset holds may come from anybody: nothing of it is run, no HTML of it is
passed on, and the page shows all texts as texts.
"""

from __future__ import annotations

import base64
import io
import json
import os
import sys
import zlib
from typing import Any

from nebulab.errors import NebulabError
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.contents import Item
from nebulab.galaxy.reading import CHUNK_BYTES, Content
from nebulab.galaxy.settings import GalaxySettings
from nebulab.kernel.acting import Say, main
from nebulab.kernel.panel import hdf5, notebooks, tables
from nebulab.kernel.settings import KernelSettings

_PATIENCE_SECONDS = 10.0
_BEGINNING_BYTES = 256 * 1024
_NOTEBOOK_BYTES = 8 * 1024 * 1024
_IMAGE_BYTES = 8 * 1024 * 1024
_MOST_SIGNS = 100_000
_READABLE = 0.95
"""The share of readable signs from which on a content is a text."""
_TABLES = {
    **dict.fromkeys(("tabular", "tsv", "bed", "interval", "gff", "gff3", "gtf", "vcf", "sam"), "\t"),
    "csv": ",",
}
_HEADERLESS = frozenset({"bed", "interval", "gff", "gff3", "gtf", "vcf", "sam"})
_HDF5 = frozenset({"h5", "hdf5", "h5ad", "h5mlm", "loom", "cool", "mcool", "biom2", "anndata"})
_GENERIC = frozenset({"", "data", "binary", "txt", "auto"})
_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"BM": "image/bmp",
}
_IMAGES = frozenset({"png", "jpg", "jpeg", "gif", "bmp", "webp"})
_COMPRESSED = {b"\x1f\x8b": 31, b"\x78\x9c": 15}
"""zlib's window bits for what begins so."""


def preview(wish: dict[str, Any], _say: Say) -> dict[str, Any]:
    """Return what the page shows of the dataset `wish["id"]`.

    Raises
    ------
    DatasetNotReady, DatasetFailed, GalaxyAway, GalaxyError
    """
    settings = KernelSettings.from_environment()
    with Galaxy(GalaxySettings(settings.url, settings.key, _PATIENCE_SECONDS)) as galaxy:
        item = Item.from_answer(galaxy.get(f"datasets/{wish['id']}"))
        item.check_ready()
        head = {"id": item.id, "name": item.name, "extension": item.extension, "size": item.size}
        try:
            return head | look(galaxy, item)
        except NebulabError:
            raise
        except (
            ValueError,
            OSError,
            LookupError,
            TypeError,
            AttributeError,
            RecursionError,
            MemoryError,
            zlib.error,
        ) as error:
            # A broken or a hostile file: libraries raise what they like.
            why = f"It can't be read as {item.extension or 'what its name says'}: {type(error).__name__}."
            return head | nothing(why)


def nothing(why: str) -> dict[str, Any]:
    """Return the preview of what has none, with the reason."""
    return {"kind": "none", "text": why}


def look(galaxy: Galaxy, item: Item) -> dict[str, Any]:
    """Return the preview without the dataset's own fields."""
    if not item.size:
        return nothing("The dataset is empty.")
    kind = _kind(item)
    if kind in _HDF5:
        return hdf5.tree(_opened(galaxy, item))
    if kind in _BY_KIND:
        return _BY_KIND[kind](galaxy, item)
    begun, is_whole = _beginning(galaxy, item)
    if begun.startswith(b"\x89HDF\r\n\x1a\n"):
        return hdf5.tree(_opened(galaxy, item))
    image = _image_type(begun)
    if image:
        return _image(galaxy, item, image)
    if kind in _IMAGES:
        return nothing(f"The dataset is no image, although it is called {item.extension}.")
    return _readable(begun, item, kind, is_whole=is_whole)


def _readable(begun: bytes, item: Item, kind: str, *, is_whole: bool) -> dict[str, Any]:
    """Return a table or a text."""
    text = _text(begun, is_whole=is_whole)
    if text is None:
        return nothing(f"There is no preview of the datatype {item.extension or 'data'}. Download it to look into it.")
    if kind in _TABLES:
        return tables.table(text, _TABLES[kind], has_header=kind not in _HEADERLESS, is_whole=is_whole)
    shown = text[:_MOST_SIGNS]
    return {"kind": "text", "text": shown, "more": not is_whole or len(shown) < len(text)}


def _kind(item: Item) -> str:
    """Return the datatype; where Galaxy's says nothing, the name's own ending."""
    extension = item.extension.lower().removesuffix(".gz")
    if extension in _GENERIC and "." in item.name:
        return item.name.lower().removesuffix(".gz").rpartition(".")[2]
    return extension


def _opened(galaxy: Galaxy, item: Item) -> io.BufferedReader:
    return io.BufferedReader(Content(galaxy, item.id), CHUNK_BYTES)


def _first(galaxy: Galaxy, item: Item, most: int) -> bytes:
    # A page with files beside it is shown without them.
    with Content(galaxy, item.id, first=item.extension == "html") as content:
        begun = bytearray()
        while len(begun) < most and (chunk := content.chunk(most - len(begun))):
            begun += chunk
    return bytes(begun)


def _beginning(galaxy: Galaxy, item: Item) -> tuple[bytes, bool]:
    """Return the beginning of the content, unpacked, and whether it is all."""
    begun = _first(galaxy, item, _BEGINNING_BYTES)
    bits = _COMPRESSED.get(begun[:2])
    if bits is None:
        return begun, len(begun) >= (item.size or 0)
    # Never more than is shown: a few bytes may stand for gigabytes.
    unpacking = zlib.decompressobj(bits)
    return unpacking.decompress(begun, _BEGINNING_BYTES), unpacking.eof


def _text(begun: bytes, *, is_whole: bool) -> str | None:
    """Return the text, or None if this is none; the last sign of a beginning may be cut."""
    if b"\0" in begun:
        return None
    try:
        return begun.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if not is_whole and error.start >= len(begun) - 4:
            return begun[: error.start].decode("utf-8-sig")
    text = begun.decode("latin-1")
    readable = sum(sign.isprintable() or sign in "\n\r\t" for sign in text)
    return text if readable > _READABLE * len(text) else None


def _image_type(begun: bytes) -> str:
    if begun[:4] == b"RIFF" and begun[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC.items() if begun.startswith(magic)), "")


def _image(galaxy: Galaxy, item: Item, kind: str) -> dict[str, Any]:
    if (item.size or 0) > _IMAGE_BYTES:
        return nothing(f"The image is too large for a preview: more than {_IMAGE_BYTES // 10**6} MB. Download it.")
    content = _first(galaxy, item, _IMAGE_BYTES)
    return {"kind": "image", "type": kind, "data": base64.b64encode(content).decode()}


def _drawing(galaxy: Galaxy, item: Item) -> dict[str, Any]:
    """Return an SVG, which the page shows as an `<img>`: there browsers run none of its scripts, and load nothing."""
    shown = _image(galaxy, item, "image/svg+xml")
    if shown["kind"] == "image" and "<svg" not in base64.b64decode(shown["data"])[:65_536].decode(errors="replace"):
        return nothing("The dataset is no SVG drawing, although it is called svg.")
    return shown


def _notebook(galaxy: Galaxy, item: Item) -> dict[str, Any]:
    if (item.size or 0) > _NOTEBOOK_BYTES:
        return nothing("The notebook is too large for a preview. Download it and open it.")
    return notebooks.cells(json.loads(_first(galaxy, item, _NOTEBOOK_BYTES)))


def _model(galaxy: Galaxy, item: Item) -> dict[str, Any]:
    # It takes NumPy, which other previews need not wait for.
    from nebulab.kernel.panel import models

    return models.card(_opened(galaxy, item))


_BY_KIND = {"onnx": _model, "ipynb": _notebook, "svg": _drawing}

if __name__ == "__main__":
    # h5py would else lock and wait.
    os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"
    sys.exit(main(preview))
