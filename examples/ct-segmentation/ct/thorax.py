"""Synthetic CT slices of the chest, with lesions: a stand-in for the published data, which no package index carries.

Every patient is a body of their own: outline with fat and muscle, two lungs that widen from top to bottom, heart,
spine,
ribs, windpipe, vessels that branch and thin out, and ground-glass lesions, most of them at the lungs' edge and back,
of varying
size, density and sharpness. Slices of one patient show the same vessels and lesions at different heights, so they are
alike, as in real scans: a split must keep a patient's slices together.

Values are Hounsfield units (air -1000, lung about -850, water 0, bone several hundred). All of it is drawn from one
seed.
What it can't do: tell how well a network finds real lesions. It is for learning the steps and for tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

SIZE = 128
"""Pixels along each side of a slice, as published."""

_AIR, _FAT, _MUSCLE, _LUNG, _BLOOD, _BONE = -1000.0, -100.0, 45.0, -850.0, 40.0, 450.0
_SHARPNESS_PIXELS = 0.55
_SEGMENTS = 60
_LESIONS = (3, 9)
_LARGEST_RADIUS = 0.28


@dataclass(frozen=True)
class _Tube:
    """A piece of a vessel: both ends (x, y, z) and its radius, in halves of the picture's side."""

    start: np.ndarray
    end: np.ndarray
    radius: float


@dataclass(frozen=True)
class _Lesion:
    """A blob with a ragged edge. `contrast` is in Hounsfield units; `softness` is how gradually it fades at its
    edge."""

    centre: np.ndarray
    radii: np.ndarray
    contrast: float
    softness: float
    raggedness: float


def patient(seed: int, number: int, slices: int = 16, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Return a patient's slices from top to bottom, and the lesions in them.

    Parameters
    ----------
    seed, number
        The same two give the same patient.
    slices
        How many, evenly from the lungs' tips to their bases.
    size
        Pixels along each side.

    Returns
    -------
    images : int16, (slices, size, size, 1)
        Hounsfield units.
    masks : uint8, (slices, size, size, 2)
        Channel 0 is 1 where there is no lesion, channel 1 where there is one.
    """
    rng = np.random.default_rng([seed, number])
    side = np.linspace(-1, 1, size, dtype=np.float32)
    y, x = np.meshgrid(side, side, indexing="ij")
    body = _Body(rng)
    images, lesions = [], []
    for z in np.linspace(-0.92, 0.92, slices):
        values, lung = body.tissue(x, y, float(z))
        lesion = np.zeros_like(lung)
        for each in body.lesions:
            lesion |= _add_lesion(values, lung, each, (x, y, float(z)), rng)
        _add_vessels(values, lung, body.vessels, side, float(z))
        images.append(_scanned(values, body.noise, rng))
        lesions.append(lesion)
    found = np.stack(lesions)
    return np.stack(images)[..., None], np.stack([~found, found], axis=-1).astype(np.uint8)


def dataset(train: int = 20, valid: int = 5, test: int = 8, slices: int = 16, seed: int = 0) -> dict[str, np.ndarray]:
    """Return arrays under the published file's names, and the patient of each slice.

    `train`, `valid` and `test` are numbers of patients; nobody is in two of the three. The published names: `X_train`,
    `y_train`, `X_valid`, `y_valid`, and for the test **`y` are the images and `label_test` the masks**. In addition
    `patient_train`, `patient_valid` and `patient_test`.
    """
    arrays: dict[str, np.ndarray] = {}
    first = 0
    parts = {"train": ("X_train", "y_train"), "valid": ("X_valid", "y_valid"), "test": ("y", "label_test")}
    for (part, (images, masks)), count in zip(parts.items(), (train, valid, test), strict=True):
        made = [patient(seed, number, slices) for number in range(first, first + count)]
        arrays[images] = np.concatenate([image for image, _ in made])
        arrays[masks] = np.concatenate([mask for _, mask in made])
        arrays[f"patient_{part}"] = np.repeat(np.arange(first, first + count), slices)
        first += count
    return arrays


def write(path: str | Path, **wanted: Any) -> Path:
    """Write `dataset(**wanted)` as an HDF5 file, and return its path."""
    import h5py

    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)  # `data.choose` may have given it a second name, whose content stays
    with h5py.File(target, "w") as file:
        for name, values in dataset(**wanted).items():
            file.create_dataset(name, data=values, compression="gzip", compression_opts=4, chunks=True)
        file.attrs["made_by"] = f"synthetic thorax, {wanted}"
    return target


class _Body:
    """What is the same in all slices of a patient."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.width, self.depth = rng.uniform(0.80, 0.93), rng.uniform(0.60, 0.72)
        self.fat = rng.uniform(0.03, 0.09)
        self.lung_half = np.array([rng.uniform(0.27, 0.32), rng.uniform(0.38, 0.45)])
        self.apart = rng.uniform(0.38, 0.43)
        self.heart = rng.uniform(0.22, 0.30)
        self.breath = rng.uniform(-40, 60)
        self.sag = rng.uniform(20, 120)
        self.rib_phase = rng.uniform(0, 2 * np.pi)
        self.noise = rng.uniform(20, 45)
        self.vessels = [tube for side in (-1, 1) for tube in self._branches(rng, side)]
        count = rng.integers(_LESIONS[0], _LESIONS[1] + 1)
        severe = rng.uniform(0.6, 1.0)
        self.lesions = [self._lesion(rng, severe) for _ in range(count)]

    def _reach(self, z: float) -> float:
        """How wide the lungs are at a height, from 0 to 1: thin at the top, wide above the diaphragm."""
        return float(np.sqrt(max(1 - (0.95 * z - 0.12) ** 2, 0.04)))

    def tissue(self, x: np.ndarray, y: np.ndarray, z: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the values of a slice without vessels and lesions, and where there is lung."""
        edge = np.hypot(x / self.width, y / self.depth)
        values = np.where(edge < 1, _FAT, _AIR).astype(np.float32)
        values[edge < 1 - self.fat] = _MUSCLE
        half = self.lung_half * self._reach(z)
        lung = np.zeros(x.shape, bool)
        for side in (-1, 1):
            lung |= np.hypot((x - side * self.apart) / half[0], (y + 0.01) / half[1]) < 1
        heart = np.hypot((x - 0.10) / (self.heart + 0.05), (y + 0.12) / self.heart) < np.sqrt(
            max(1 - (z - 0.35) ** 2 * 1.6, 0)
        )
        lung &= ~heart & (np.abs(x) > 0.09)
        # Farther back the lung lies under its own weight, and is denser.
        values[lung] = (_LUNG + self.breath + self.sag * np.clip(y / half[1], -1, 1))[lung]
        spine = np.hypot(x / 0.13, (y - 0.40 * self.depth / 0.66) / 0.11) < 1
        values[spine] = _BONE * 0.6
        lung &= ~spine
        ring = np.abs(np.hypot(x / (self.apart + self.lung_half[0] + 0.05), y / (self.lung_half[1] + 0.07)) - 1) < 0.045
        turn = np.arctan2(y, x)
        values[ring & ~lung & (np.cos(7 * turn + 5 * z + self.rib_phase) > 0.35) & (edge < 1)] = _BONE
        values[np.hypot(x / 0.06, (y + 0.06) / 0.05) < (1 if z < -0.1 else 0)] = _AIR
        return values, lung

    def _branches(self, rng: np.random.Generator, side: int) -> list[_Tube]:
        """Vessels of one lung: each goes outwards from the root, or from the end of an earlier one, and is thinner."""
        root = np.array([side * 0.14, 0.0, 0.05])
        ends = [(root, 0.040)] * 4
        tubes = []
        for _ in range(_SEGMENTS):
            start, thick = ends[rng.integers(len(ends))]
            way = rng.normal(0, 1, 3) + np.array([side * 0.9, 0, 0])
            end = start + way / np.linalg.norm(way) * rng.uniform(0.12, 0.30) * np.array([1, 1, 1.8])
            radius = max(thick * rng.uniform(0.6, 0.85), 0.009)
            tubes.append(_Tube(start, end, radius))
            ends.append((end, radius))
        return tubes

    def _lesion(self, rng: np.random.Generator, severe: float) -> _Lesion:
        side = rng.choice([-1, 1])
        z = rng.uniform(-0.6, 0.8)
        turn = rng.normal(np.pi / 2 * 0.55, 0.9)
        out = rng.uniform(0.45, 0.95)
        half = self.lung_half * self._reach(z)
        centre = np.array([side * (self.apart + out * half[0] * np.cos(turn)), out * half[1] * np.sin(turn), z])
        radii = rng.uniform(0.10, _LARGEST_RADIUS, 3) * severe * np.array([1, 1, 2])
        return _Lesion(centre, radii, rng.uniform(260, 680), rng.uniform(0.05, 0.13), rng.uniform(0.2, 0.6))


def _add_lesion(
    values: np.ndarray,
    lung: np.ndarray,
    lesion: _Lesion,
    place: tuple[np.ndarray, np.ndarray, float],
    rng: np.random.Generator,
) -> np.ndarray:
    """Make the lung denser where the lesion is, and return where that is."""
    x, y, z = place
    away = (x - lesion.centre[0]) ** 2 / lesion.radii[0] ** 2 + (y - lesion.centre[1]) ** 2 / lesion.radii[1] ** 2
    away = np.sqrt(away + (z - lesion.centre[2]) ** 2 / lesion.radii[2] ** 2)
    if away.min() > 1 + lesion.raggedness * 2:
        return np.zeros(lung.shape, bool)
    coarse = ndimage.gaussian_filter(rng.normal(size=lung.shape), 5)
    away = away + lesion.raggedness * coarse / coarse.std() * 0.5
    share = 1 / (1 + np.exp(np.clip((away - 1) / lesion.softness, -30, 30)))
    grain = ndimage.gaussian_filter(rng.normal(size=lung.shape), 1.2)
    denser = lesion.contrast * share * (1 + 0.15 * grain / grain.std())
    values[lung] = np.minimum(values + denser, _BLOOD)[lung]
    return (away < 1) & lung


def _add_vessels(values: np.ndarray, lung: np.ndarray, tubes: list[_Tube], side: np.ndarray, z: float) -> None:
    """Draw what of the vessels crosses the slice; each only in the small rectangle around it."""
    for tube in tubes:
        low, high = np.minimum(tube.start, tube.end) - tube.radius, np.maximum(tube.start, tube.end) + tube.radius
        if not low[2] <= z <= high[2]:
            continue
        columns = slice(*np.searchsorted(side, (low[0], high[0])))
        rows = slice(*np.searchsorted(side, (low[1], high[1])))
        y, x = np.meshgrid(side[rows], side[columns], indexing="ij")
        along = tube.end - tube.start
        points = np.stack([x, y, np.full_like(x, z)], axis=-1) - tube.start
        share = np.clip(points @ along / (along @ along), 0, 1)
        near = np.linalg.norm(points - share[..., None] * along, axis=-1)
        inside = (near < tube.radius) & lung[rows, columns]
        values[rows, columns][inside] = np.maximum(values[rows, columns][inside], _BLOOD)


def _scanned(values: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Return a slice as a scanner gives it: a little blurred, with grain, as whole numbers."""
    grain = ndimage.gaussian_filter(rng.normal(size=values.shape), 0.5)
    blurred = ndimage.gaussian_filter(values, _SHARPNESS_PIXELS) + noise * grain / grain.std()
    return np.clip(np.round(blurred), -1024, 1500).astype(np.int16)
