"""The U-Net and its loss as published (Saeedizadeh et al. 2021), in Keras 3: the same on TensorFlow, JAX and PyTorch.

Which of the three computes is chosen before the first `import keras`, by the environment variable `KERAS_BACKEND`.
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets with pages of notes on the processor

import keras
import numpy as np
from keras import layers, ops

from ct.data import LESION, Part
from ct.setting import PROCESSOR, PUBLISHED, PUBLISHED_TV, Setting


def gpu() -> bool:
    """Whether Keras computes on a GPU."""
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return bool(torch.cuda.is_available())
    if backend == "jax":
        import jax

        return jax.default_backend() == "gpu"
    import tensorflow

    return bool(tensorflow.config.list_physical_devices("GPU"))


def setting() -> Setting:
    """Return the published setting where there is a GPU, else the small one."""
    return PUBLISHED if gpu() else PROCESSOR


def unet(
    width: int = 64, size: int = 128, dropout: float = 0.2, scale: tuple[float, float] = (0.0, 1.0)
) -> keras.Model:
    """Build the network: (n, size, size, 1) to (n, size, size, 2), each channel between 0 and 1 by itself.

    Parameters
    ----------
    width
        Filters of the first level; 64 as published.
    size
        Pixels along each side; must be divided by 16.
    dropout
        Share that is left out while training.
    scale
        Mean and standard deviation of the images that it is trained on (`image_scale`). They become part of the
        network, which
        so takes images as they are; published without.

    Raises
    ------
    ValueError
        The size can't be halved four times.
    """
    if size % 16:
        raise ValueError(f"Images of {size} pixels can't be halved four times. Take a size that 16 divides.")
    image = layers.Input((size, size, 1), name="img")
    mean, deviation = scale
    x = layers.Rescaling(1 / deviation, -mean / deviation)(image)
    across = []
    for level in range(4):
        across.append(_block(x, width * 2**level))
        x = layers.Dropout(dropout)(layers.MaxPooling2D()(across[-1]))
    x = _block(x, width * 16)
    for level in reversed(range(4)):
        x = layers.Conv2DTranspose(width * 2**level, 3, strides=2, padding="same")(x)
        x = layers.Dropout(dropout)(layers.Concatenate()([x, across[level]]))
        x = _block(x, width * 2**level)
    # In float32 also where the rest computes in halves: a loss of small probabilities needs it.
    return keras.Model(image, layers.Conv2D(2, 1, activation="sigmoid", dtype="float32", name="mask")(x), name="unet")


def _block(x: Any, filters: int) -> Any:
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
    return x


def total_variation(masks: Any) -> Any:
    """Return how much the lesions' channel changes from pixel to pixel: mean over rows plus mean over columns.

    As the authors' own program has it. The predecessor's notebook writes `y_pred[: : ,: ,1]`, which is the second
    *column* of
    both channels, not the channel of lesions.
    """
    lesion = masks[:, :, :, LESION]
    down = ops.mean(ops.abs(lesion[:, 1:, :] - lesion[:, :-1, :]))
    right = ops.mean(ops.abs(lesion[:, :, 1:] - lesion[:, :, :-1]))
    return down + right


def make_loss(weight: float = PUBLISHED_TV) -> Any:
    """Return the loss: binary cross-entropy of both channels, plus `weight` times the total variation; 0 is the plain
    U-Net."""

    def loss(truth: Any, found: Any) -> Any:
        entropy = ops.mean(keras.losses.binary_crossentropy(truth, found))
        return entropy + weight * total_variation(found) if weight else entropy

    return loss


def image_scale(images: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation, as `unet` takes them."""
    return float(images.mean()), float(images.std()) or 1.0


def train(
    training: Part,
    validation: Part,
    chosen: Setting = PROCESSOR,
    *,
    tv: float = PUBLISHED_TV,
    seed: int = 0,
    verbose: int = 2,
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train a network, and return it with its losses and rates by epoch.

    On a GPU it computes in halves (mixed_float16) and with a compiled step, on processors in float32.
    """
    keras.utils.set_random_seed(seed)
    on_gpu = gpu()
    keras.config.set_dtype_policy("mixed_float16" if on_gpu else "float32")
    size = training.images.shape[1]
    model = unet(chosen.width, size, chosen.dropout, image_scale(training.images))
    # On processors XLA's convolutions are slower than those that TensorFlow takes without it; JAX has no others.
    compiled = on_gpu or keras.backend.backend() == "jax"
    model.compile(keras.optimizers.Adam(chosen.rate), make_loss(tv), jit_compile=compiled)
    told = model.fit(
        training.images,
        training.masks,
        batch_size=chosen.batch,
        epochs=chosen.epochs,
        validation_data=(validation.images, validation.masks),
        callbacks=[
            keras.callbacks.ReduceLROnPlateau(factor=0.1, patience=chosen.plateau, min_lr=1e-5),
            keras.callbacks.EarlyStopping(patience=chosen.patience, restore_best_weights=True),
        ],
        verbose=verbose,
    )
    return model, {name: [float(value) for value in values] for name, values in told.history.items()}
