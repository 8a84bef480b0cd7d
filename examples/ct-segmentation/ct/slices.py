"""One slice of a file that somebody uploads: PNG, JPEG, TIFF, DICOM, NIfTI, NumPy or HDF5, told by its content.

Files are not trusted: how much a file would unpack to is read from its header and refused before anything is unpacked.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

LARGEST_FILE = 32 * 2**20
"""Bytes of a file as it comes."""
_LARGEST_SIDE, _SMALLEST_SIDE, _LONGEST = 4096, 16, 4
_LARGEST_VALUES = 256 * 2**20
"""Bytes of a volume's values, which NIfTI and NumPy keep in one piece."""
_BLACK, _WHITE = -1000.0, 400.0
"""Hounsfield units of a picture's darkest and brightest grey: the window in which lungs are looked at."""
_SAID = "PNG, JPEG, TIFF, DICOM, NIfTI (.nii, .nii.gz), .npy or HDF5"


class SliceError(ValueError):
    """A file is no slice; the text says why, and what to do."""


@dataclass(frozen=True)
class Slice:
    """A slice: float32 (rows, columns) in Hounsfield units, the size of a pixel in mm if known, and what was done."""

    values: np.ndarray
    pixel: tuple[float, float] | None
    remarks: tuple[str, ...]


def read(content: bytes) -> Slice:
    """Read a slice; of a volume or of several slices the middle one.

    Raises
    ------
    SliceError
        It is too large, of another kind, broken, or its values are no slice's.
    """
    if not content:
        raise SliceError("The file is empty.")
    if len(content) > LARGEST_FILE:
        raise SliceError(
            f"The file has {len(content) / 2**20:.0f} MB; at most {LARGEST_FILE // 2**20} are taken. "
            f"Save one slice alone."
        )
    kind, reader = _kind(content)
    try:
        values, pixel, remarks = reader(content)
    except SliceError:
        raise
    except Exception as error:
        raise SliceError(
            f"It begins as a file of {kind}, but can't be read: {error or type(error).__name__}"
        ) from error
    return _checked(np.asarray(values), pixel, remarks)


_Read = tuple[Any, tuple[float, float] | None, list[str]]


def _kind(content: bytes) -> tuple[str, Callable[[bytes], _Read]]:
    if content[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG", _picture
    if content[:3] == b"\xff\xd8\xff":
        return "JPEG", _picture
    if content[:4] in (b"II*\0", b"MM\0*"):
        return "TIFF", _picture
    if content[128:132] == b"DICM":
        return "DICOM", _dicom
    if content[:6] == b"\x93NUMPY":
        return "NumPy", _numpy
    if content[:8] == b"\x89HDF\r\n\x1a\n":
        return "HDF5", _hdf5
    if content[:2] == b"\x1f\x8b":
        return "NIfTI", lambda packed: _nifti(_unpacked(packed))
    if content[344:348] in (b"n+1\0", b"ni1\0"):
        return "NIfTI", _nifti
    raise SliceError(f"This is no image that is known here, whatever its name says. Take {_SAID}.")


def _fits(shape: tuple[int, ...]) -> None:
    """Refuse a slice of this shape before it is read."""
    if len(shape) != 2:
        raise SliceError(f"A slice has rows and columns; this has the shape {shape}.")
    if max(shape) > _LARGEST_SIDE:
        raise SliceError(
            f"The slice has {shape[0]} x {shape[1]} pixels; at most {_LARGEST_SIDE} along a side are taken."
        )
    if min(shape) < _SMALLEST_SIDE:
        raise SliceError(
            f"The slice has {shape[0]} x {shape[1]} pixels; at least {_SMALLEST_SIDE} along a side are needed."
        )
    if max(shape) > _LONGEST * min(shape):
        raise SliceError(f"The slice has {shape[0]} x {shape[1]} pixels: that is a strip, and no slice of a body.")


def _picture(content: bytes) -> _Read:
    from PIL import Image

    # `open` reads the size and unpacks nothing.
    try:
        opened = Image.open(io.BytesIO(content), formats=["PNG", "JPEG", "TIFF"])
    except Image.DecompressionBombError:
        raise SliceError(
            f"It would unpack to a huge picture; at most {_LARGEST_SIDE} pixels along a side are taken."
        ) from None
    with opened as picture:
        _fits((picture.height, picture.width))
        remarks = []
        if getattr(picture, "n_frames", 1) > 1:
            picture.seek(picture.n_frames // 2)
            _fits((picture.height, picture.width))
            remarks.append(f"page {picture.n_frames // 2 + 1} of {picture.n_frames} was taken")
        if picture.mode in ("RGB", "RGBA", "LA", "P", "CMYK", "YCbCr", "1", "PA"):
            remarks += [] if picture.mode == "1" else ["its colours were made grey"]
            picture = picture.convert("RGB").convert("L")
        values = np.asarray(picture)
    if values.dtype.kind == "f" or (values.dtype.kind == "i" and values.min() < 0):
        return values, None, remarks
    top = 255 if values.dtype == np.uint8 else max(int(values.max()), 1)
    remarks.append(f"black was taken for {_BLACK:.0f}, white for {_WHITE:.0f} Hounsfield units")
    return values.astype("float32") / top * (_WHITE - _BLACK) + _BLACK, None, remarks


def _dicom(content: bytes) -> _Read:
    import pydicom

    file = pydicom.dcmread(io.BytesIO(content))
    _fits((int(file.Rows), int(file.Columns)))
    frames = int(file.get("NumberOfFrames", 1) or 1)
    if frames * file.Rows * file.Columns * 8 > _LARGEST_VALUES:
        raise SliceError(f"It has {frames} slices, which are too many at once. Save one slice alone.")
    values = np.asarray(file.pixel_array)
    remarks = []
    if frames > 1:
        values = values[frames // 2]
        remarks.append(f"slice {frames // 2 + 1} of {frames} was taken")
    if values.ndim == 3:
        values = values[..., :3].mean(axis=-1)
    values = values * float(file.get("RescaleSlope", 1) or 1) + float(file.get("RescaleIntercept", 0) or 0)
    spacing = file.get("PixelSpacing")
    return values, (float(spacing[0]), float(spacing[1])) if spacing else None, remarks


def _unpacked(content: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    unpacked = unpacker.decompress(content, _LARGEST_VALUES)
    if unpacker.unconsumed_tail:
        raise SliceError(f"It unpacks to more than {_LARGEST_VALUES // 2**20} MB. Save one slice alone.")
    if unpacked[344:348] not in (b"n+1\0", b"ni1\0"):
        raise SliceError("It is packed by gzip, and no NIfTI is in it. Unpack it first.")
    return unpacked


def _nifti(content: bytes) -> _Read:
    import nibabel

    image = nibabel.Nifti1Image.from_bytes(content)
    shape = tuple(size for size in image.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) not in (2, 3):
        raise SliceError(f"A slice or a volume is needed; this has the shape {shape}.")
    _fits(shape[:2])
    remarks = []
    if len(shape) == 3:
        middle = shape[2] // 2
        values = image.dataobj[(slice(None), slice(None), middle, *(0,) * (len(image.shape) - 3))]
        if shape[2] > 1:
            remarks.append(f"slice {middle + 1} of {shape[2]} was taken")
    else:
        values = image.dataobj[(slice(None), slice(None), *(0,) * (len(image.shape) - 2))]
    across, down = (float(size) for size in image.header.get_zooms()[:2])
    # NIfTI counts columns first, from the left; pictures rows first, from the top.
    return np.asarray(values).T[::-1], (down, across), remarks


def _numpy(content: bytes) -> _Read:
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    header = {(1, 0): np.lib.format.read_array_header_1_0}.get(version, np.lib.format.read_array_header_2_0)
    shape, _, dtype = header(file)
    if dtype.hasobject or dtype.kind not in "iuf":
        raise SliceError(f"It holds {dtype}, no numbers. Save an array of numbers.")
    if math.prod(shape) * dtype.itemsize > len(content):
        raise SliceError(f"It says that it has the shape {shape}, and ends before. Save it again.")
    number, remarks = _middle(shape)
    return np.load(io.BytesIO(content), allow_pickle=False)[number], None, remarks


def _hdf5(content: bytes) -> _Read:
    import h5py

    with h5py.File(io.BytesIO(content), "r") as file:
        # `y` are the images of the test in the published file, and not the masks.
        names = [name for name in ("y", "X_train", *sorted(file)) if name in file]
        # Hard links alone: others lead to other files.
        own = [name for name in names if isinstance(file.get(name, getlink=True), h5py.HardLink)]
        kept = [file[name] for name in own]
        sets = [one for one in kept if isinstance(one, h5py.Dataset) and one.dtype.kind in "iuf" and one.ndim >= 2]
        if not sets:
            raise SliceError("It has no array of numbers with rows and columns at its top.")
        found = sets[0]
        if found.external or found.is_virtual:
            raise SliceError("Its values lie in another file. Save them in one.")
        number, remarks = _middle(found.shape)
        if math.prod(found.chunks or (0,)) * found.dtype.itemsize > _LARGEST_VALUES // 2:
            raise SliceError("It is packed in too large pieces. Save one slice alone.")
        return found[number], None, [f"the array {found.name} was taken", *remarks]


def _middle(shape: tuple[int, ...]) -> tuple[Any, list[str]]:
    """Return the index of the middle slice of `(slices, rows, columns[, 1])`, or of `(rows, columns[, 1])`."""
    last: tuple[Any, ...] = ()
    rest = tuple(shape)
    if len(rest) > 2 and rest[-1] == 1:
        rest, last = rest[:-1], (0,)
    if len(rest) == 3 and rest[0] > 0:
        _fits(rest[1:])
        middle = rest[0] // 2
        told = [f"slice {middle + 1} of {rest[0]} was taken"] if rest[0] > 1 else []
        return (middle, slice(None), slice(None), *last), told
    _fits(rest)
    return (slice(None), slice(None), *last), []


def _checked(values: np.ndarray, pixel: tuple[float, float] | None, remarks: list[str]) -> Slice:
    _fits(values.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        values = values.astype("float32")
    if not np.isfinite(values).all():
        share = 1 - np.isfinite(values).mean()
        raise SliceError(
            f"{share:.1%} of its pixels are no numbers (NaN or infinite). Set them to -1000, which is air."
        )
    if values.min() == values.max():
        raise SliceError(f"All of its pixels have the same value, {values.min():g}. Is it the right file?")
    if values.min() >= 0 and not any("black" in one for one in remarks):
        remarks = [*remarks, "its values were taken for Hounsfield units, though none is below 0: air is -1000"]
    if pixel and not all(math.isfinite(side) and side > 0 for side in pixel):
        pixel = None
    return Slice(values, pixel, tuple(remarks))


def squared(values: np.ndarray, side: int) -> np.ndarray:
    """Return a slice as the network takes it, (side, side): air at the shorter sides, then smaller or larger."""
    from skimage.transform import resize

    rows, columns = values.shape
    long = max(rows, columns)
    above, left = (long - rows) // 2, (long - columns) // 2
    filled = np.full((long, long), min(float(values.min()), _BLACK), "float32")
    filled[above : above + rows, left : left + columns] = values
    if long == side:
        return filled
    made: np.ndarray = resize(filled, (side, side), order=1, preserve_range=True, anti_aliasing=long > side)
    return made.astype("float32")


def unsquared(found: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return probabilities of the network's picture at the pixels of the slice: the way back of `squared`."""
    from skimage.transform import resize

    rows, columns = shape
    long = max(shape)
    above, left = (long - rows) // 2, (long - columns) // 2
    if long != len(found):
        found = resize(found, (long, long), order=1, preserve_range=True)
    kept: np.ndarray = found[above : above + rows, left : left + columns]
    return kept
