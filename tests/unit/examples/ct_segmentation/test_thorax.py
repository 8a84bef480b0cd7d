"""The synthetic thorax: the same from the same seed, with what a chest has in the right places, nobody in two parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from ct import data, thorax
from scipy import ndimage


@pytest.fixture(scope="module")
def arrays() -> dict[str, Any]:
    made: dict[str, Any] = thorax.dataset(train=3, valid=1, test=2, slices=12)
    return made


def test_names_and_shapes_are_the_published_ones(arrays: dict[str, Any]) -> None:
    shapes = {name: values.shape for name, values in arrays.items() if not name.startswith("patient_")}
    assert shapes == {
        "X_train": (36, 128, 128, 1),
        "y_train": (36, 128, 128, 2),
        "X_valid": (12, 128, 128, 1),
        "y_valid": (12, 128, 128, 2),
        "y": (24, 128, 128, 1),
        "label_test": (24, 128, 128, 2),
    }


def test_nobody_is_in_two_parts(arrays: dict[str, Any]) -> None:
    parts = [set(arrays[f"patient_{part}"].tolist()) for part in data.KEYS]
    assert [len(part) for part in parts] == [3, 1, 2]
    assert len(set.union(*parts)) == 6


def test_one_seed_gives_one_data_set_and_another_seed_another() -> None:
    first, again, other = (thorax.patient(seed, 0, slices=3) for seed in (1, 1, 2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_each_pixel_is_lesion_or_not(arrays: dict[str, Any]) -> None:
    assert (arrays["y_train"].sum(axis=-1) == 1).all()


def test_lesions_are_rare_and_vary_in_size_and_density(arrays: dict[str, Any]) -> None:
    lesion, images = arrays["y_train"][..., 1].astype(bool), arrays["X_train"][..., 0]
    assert 0.002 < lesion.mean() < 0.05
    assert 0.3 < lesion.any(axis=(1, 2)).mean() < 1
    sizes, means = [], []
    for mask, image in zip(lesion, images, strict=True):
        named, count = ndimage.label(mask)
        sizes += [int((named == one).sum()) for one in range(1, count + 1)]
        means += [float(image[named == one].mean()) for one in range(1, count + 1)]
    assert max(sizes) > 10 * max(min(sizes), 1)
    assert np.ptp(means) > 200


def test_lesions_are_denser_than_the_lung_around_them(arrays: dict[str, Any]) -> None:
    image, lesion = arrays["X_train"][..., 0], arrays["y_train"][..., 1].astype(bool)
    around = ndimage.binary_dilation(lesion, iterations=6, axes=(1, 2)) & ~lesion & (image < -600)
    assert -700 < image[lesion].mean() < -200
    assert image[lesion].mean() > image[around].mean() + 150


def test_a_slice_has_air_outside_a_body_with_bone_and_two_lungs(arrays: dict[str, Any]) -> None:
    middle = ndimage.gaussian_filter(arrays["X_train"][6, ..., 0].astype(float), 1)
    assert np.mean([middle[:5].mean(), middle[-5:].mean()]) < -950
    assert middle.max() > 200
    air, count = ndimage.label(middle < -500)
    inside = [one for one in range(1, count + 1) if one != air[0, 0] and (air == one).sum() > 300]
    centres = ndimage.center_of_mass(air > 0, air, inside)
    assert min(column for _, column in centres) < 64 < max(column for _, column in centres)


def test_slices_of_a_patient_are_more_alike_than_patients_are(arrays: dict[str, Any]) -> None:
    images = arrays["X_train"][..., 0].astype(float).reshape(3, 12, -1)
    beside = np.abs(images[:, 6] - images[:, 7]).mean()
    across = np.abs(images[:, 6] - np.roll(images[:, 6], 1, axis=0)).mean()
    assert beside < 0.8 * across


def test_a_file_is_read_back_as_its_parts(tmp_path: Path) -> None:
    path = thorax.write(tmp_path / "deep" / "ct.h5", train=2, valid=1, test=1, slices=4, seed=3)
    part = data.load(path, "test")
    made = thorax.dataset(2, 1, 1, 4, 3)
    assert np.array_equal(part.images, made["y"])
    assert np.array_equal(part.lesions, made["label_test"][..., 1].astype(bool))
    assert part.patients is not None
    assert part.patients.tolist() == [3] * 4
    with h5py.File(path) as file:
        assert "synthetic" in file.attrs["made_by"]
