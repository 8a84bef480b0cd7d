"""The network and its loss, as published, in Keras; a training gets better, and is the same from the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ct import network, thorax
from ct.data import Part

PUBLISHED_WEIGHTS = 34_524_034
"""Of Saeedizadeh et al.'s program with 64 filters, without the moving averages of its normalizations."""


def small() -> tuple[Part, Part]:
    arrays = thorax.dataset(train=1, valid=1, test=1, slices=8)
    arrays = {name: values[:, ::2, ::2] for name, values in arrays.items() if values.ndim == 4}
    return tuple(
        Part(arrays[f"X_{part}"].astype("float32"), arrays[f"y_{part}"].astype("float32"))
        for part in ("train", "valid")
    )


def check_it_has_the_published_weights(folder: Path) -> None:
    model = network.unet()
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == PUBLISHED_WEIGHTS
    assert model.input_shape == (None, 128, 128, 1)
    assert model.output_shape == (None, 128, 128, 2)
    assert [layer.filters for layer in model.layers if type(layer).__name__ == "Conv2D"][:10:2] == [
        64,
        128,
        256,
        512,
        1024,
    ]


def check_a_size_that_can_not_be_halved_is_refused(folder: Path) -> None:
    try:
        network.unet(size=100)
    except ValueError as error:
        assert "100 pixels" in str(error)
    else:
        raise AssertionError("not refused")


def check_total_variation_by_hand(folder: Path) -> None:
    masks: Any = np.zeros((1, 2, 3, 2), "float32")
    masks[0, :, :, 1] = [[0, 1, 0], [0, 0, 0.5]]
    masks[0, :, :, 0] = 7
    # Down: |0| + |-1| + |0.5| of 3 pairs; right: 1 + 1 + 0 + 0.5 of 4 pairs.
    assert abs(float(network.total_variation(masks)) - (1.5 / 3 + 2.5 / 4)) < 1e-6


def check_the_loss_is_cross_entropy_and_a_share_of_variation(folder: Path) -> None:
    truth: Any = np.zeros((1, 2, 2, 2), "float32")
    found: Any = np.full((1, 2, 2, 2), 0.25, "float32")
    found[0, 0, 0, 1] = 0.5
    entropy = -(7 * np.log(0.75) + np.log(0.5)) / 8
    variation = 0.25 / 2 + 0.25 / 2
    assert abs(float(network.make_loss(0)(truth, found)) - entropy) < 1e-5
    assert abs(float(network.make_loss(2.0)(truth, found)) - entropy - 2 * variation) < 1e-5


def check_it_learns_and_keeps_its_best_weights(folder: Path) -> None:
    training, validation = small()
    setting = replace(network.PROCESSOR, width=2, epochs=3, batch=4)
    model, told = network.train(training, validation, setting, verbose=0)
    assert told["loss"][-1] < told["loss"][0]
    found = model.predict(validation.images, verbose=0)
    assert abs(float(network.make_loss()(validation.masks, found)) - min(told["val_loss"])) < 1e-4
    again, _ = network.train(training, validation, setting, verbose=0)
    assert np.allclose(again.predict(validation.images, verbose=0), found, atol=1e-4)


def check_images_are_taken_as_they_are(folder: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).normal(-500, 400, (2, 32, 32, 1)).astype("float32")
    scaled = network.unet(2, 32, scale=network.image_scale(images))
    plain = network.unet(2, 32)
    plain.set_weights(scaled.get_weights())
    mean, deviation = network.image_scale(images)
    assert np.allclose(
        scaled.predict(images, verbose=0), plain.predict((images - mean) / deviation, verbose=0), atol=1e-4
    )


def check_pytorch_has_the_same_network(folder: Path) -> None:
    try:
        import torch
    except ImportError:
        return  # where the kernels have none: `nebulab up --frameworks torch` brings it
    from ct import network_torch

    model = network_torch.UNet()
    assert sum(weight.numel() for weight in model.parameters()) == PUBLISHED_WEIGHTS
    masks = torch.zeros(1, 2, 3, 2)
    masks[0, :, :, 1] = torch.tensor([[0, 1, 0], [0, 0, 0.5]])
    assert abs(float(network_torch.total_variation(masks)) - (1.5 / 3 + 2.5 / 4)) < 1e-6
    training, validation = small()
    setting = replace(network_torch.PROCESSOR, width=2, epochs=3, batch=4)
    trained, told = network_torch.train(training, validation, setting, verbose=0)
    assert told["loss"][-1] < told["loss"][0]
    assert network_torch.predict(trained, validation.images).shape == validation.masks.shape
