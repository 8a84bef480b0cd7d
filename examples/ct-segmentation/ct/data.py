"""The data file: read, checked, and split so that no patient is on both sides."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

KEYS = {"train": ("X_train", "y_train"), "valid": ("X_valid", "y_valid"), "test": ("y", "label_test")}
"""The published names of images and masks. In the test `y` are the images, not the masks."""

LESION = 1
"""The masks' channel of lesions; channel 0 is everything else."""


@dataclass(frozen=True)
class Part:
    """Slices for one purpose.

    `images` are float32 (n, 128, 128, 1), as in the file; `masks` float32 (n, 128, 128, 2); `patients` are the number
    of each slice's patient, or None where the file does not tell, as the published one.
    """

    images: np.ndarray
    masks: np.ndarray
    patients: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def lesions(self) -> np.ndarray:
        """Where the lesions are: bool, (n, 128, 128)."""
        found: np.ndarray = self.masks[..., LESION] > 0.5
        return found

    def take(self, chosen: np.ndarray) -> Part:
        """Return some of the slices, by their numbers or a selection of True and False."""
        return Part(self.images[chosen], self.masks[chosen], None if self.patients is None else self.patients[chosen])


def load(path: str | Path, part: str) -> Part:
    """Read `train`, `valid` or `test` of a file.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It has no such part, or of another shape.
    """
    import h5py

    if part not in KEYS:
        raise ValueError(f"There is no part {part!r}. Write one of: {', '.join(KEYS)}.")
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}. Run notebook 1 first: it makes or fetches the data.")
    names = KEYS[part]
    with h5py.File(path) as file:
        missing = [name for name in names if name not in file]
        if missing:
            raise ValueError(
                f"{path} has no {' and no '.join(missing)}; it has {', '.join(sorted(file))}. Is it the file of "
                f"notebook 1?"
            )
        images, masks = (file[name][:].astype("float32") for name in names)
        patients = file[f"patient_{part}"][:] if f"patient_{part}" in file else None
    _check(str(path), names, images, masks)
    return Part(images, masks, patients)


def _check(path: str, names: tuple[str, str], images: np.ndarray, masks: np.ndarray) -> None:
    if images.ndim != 4 or images.shape[-1] != 1:
        raise ValueError(f"{names[0]} of {path} has the shape {images.shape}; (slices, rows, columns, 1) is needed.")
    if masks.shape != (*images.shape[:3], 2):
        raise ValueError(f"{names[1]} of {path} has the shape {masks.shape}; {(*images.shape[:3], 2)} is needed.")
    if not np.isfinite(images).all():
        raise ValueError(f"{names[0]} of {path} holds values that are no numbers. Leave these slices out.")


def choose(path: str | Path, name: str | Path) -> Path:
    """Let `name` be the file `path`, without a copy where the disk allows it, and return it."""
    target = Path(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    made = target.with_name(f".{target.name}.part")
    made.unlink(missing_ok=True)
    try:
        os.link(path, made)
    except OSError:
        shutil.copyfile(path, made)
    made.replace(target)
    return target


def patient_split(patients: np.ndarray, shares: tuple[float, ...], seed: int = 0) -> list[np.ndarray]:
    """Return the numbers of the slices of each share; all slices of a patient are in the same one.

    Slices of one patient are nearly alike. If some are trained on and others tested, the test measures memory.

    Parameters
    ----------
    patients
        The patient of each slice.
    shares
        Of the patients, such as `(0.7, 0.15, 0.15)`; each gets at least one.

    Raises
    ------
    ValueError
        There are fewer patients than shares, or a share is not above 0.
    """
    people = np.unique(patients)
    if len(people) < len(shares):
        raise ValueError(f"{len(people)} patients can't be split into {len(shares)} parts. Take fewer parts.")
    if min(shares) <= 0:
        raise ValueError(f"Shares must be above 0, not {shares}.")
    rng = np.random.default_rng(seed)
    rng.shuffle(people)
    wanted = np.array(shares) / sum(shares) * len(people)
    counts = np.maximum(np.floor(wanted), 1).astype(int)
    while counts.sum() > len(people):
        counts[np.argmax(counts)] -= 1
    while counts.sum() < len(people):
        counts[np.argmax(wanted - counts)] += 1
    groups = np.split(people, np.cumsum(counts)[:-1])
    return [np.flatnonzero(np.isin(patients, group)) for group in groups]


def mask_shares(masks: np.ndarray) -> tuple[float, ...]:
    """Return the share of pixels that each channel marks, between one in a million and all but one."""
    share = masks.mean(axis=(0, 1, 2), dtype="float64").clip(1e-6, 1 - 1e-6)
    return tuple(map(float, share))


def log_odds(shares: tuple[float, ...]) -> np.ndarray:
    """Return what a sigmoid makes these shares of: the bias that a rare class begins with (Lin et al. 2017, 3.3).

    With a bias of 0 a network's first lesson is that nothing is a lesion, and the quickest way to learn it are features
    that vote against one everywhere. It may then find lesions as the places where all features are silent, and there
    only the bias is left, which never comes above one half.
    """
    share = np.array(shares)
    odds: np.ndarray = np.log(share / (1 - share)).astype("float32")
    return odds


def batches(part: Part, size: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield a pass over the slices in a new order, `size` at a time; fewer than 2 left over are left out."""
    order = np.random.default_rng(seed).permutation(len(part))
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        if len(chosen) > 1:
            yield part.images[chosen], part.masks[chosen]
