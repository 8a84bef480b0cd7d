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

from ct.data import LESION, Part, log_odds, mask_shares
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
    width: int = 64,
    size: int = 128,
    dropout: float = 0.2,
    scale: tuple[float, float] = (0.0, 1.0),
    shares: tuple[float, ...] | None = None,
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
        network, which so takes images as they are; published without.
    shares
        Of each channel's pixels in the masks that it is trained on (`mask_shares`): its first answer is these, by the
        last layer's bias. None begins at one half, as published.

    Raises
    ------
    ValueError
        The size can't be halved four times.
    """
    return _unet(width, size, dropout, scale, shares, layers.Conv2DTranspose)


def _unet(
    width: int,
    size: int,
    dropout: float,
    scale: tuple[float, float],
    shares: tuple[float, ...] | None,
    doubled: type[layers.Conv2DTranspose],
) -> keras.Model:
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
        x = doubled(width * 2**level, 3, strides=2, padding="same")(x)
        x = layers.Dropout(dropout)(layers.Concatenate()([x, across[level]]))
        x = _block(x, width * 2**level)
    # In float32 also where the rest computes in halves: a loss of small probabilities needs it.
    mask = layers.Conv2D(2, 1, activation="sigmoid", dtype="float32", name="mask")
    model = keras.Model(image, mask(x), name="unet")
    if shares is not None:
        mask.bias.assign(log_odds(shares))
    return model


def _block(x: Any, filters: int) -> Any:
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
    return x


class _Doubled(layers.Conv2DTranspose):
    """The same layer with a stride of 2 and a kernel of 3, as one ordinary convolution with four times the filters.

    For JAX on processors: XLA computes the gradient of a transposed convolution's kernel there in plain loops, which
    takes seven times as long as this way. Even rows of the result are sums of two taps, odd ones have one; likewise
    columns.
    """

    def call(self, inputs: Any) -> Any:
        rows, columns, channels = inputs.shape[1:]
        taps = ops.roll(ops.pad(self.kernel, ((0, 1), (0, 1), (0, 0), (0, 0))), (2, 2), (0, 1))
        taps = ops.reshape(taps, (2, 2, 2, 2, self.filters, channels))  # tap, parity; of rows, then of columns
        taps = ops.reshape(ops.transpose(taps, (0, 2, 5, 1, 3, 4)), (2, 2, channels, 4 * self.filters))
        made = ops.conv(ops.pad(inputs, ((0, 0), (1, 0), (1, 0), (0, 0))), taps, padding="valid")
        made = ops.reshape(made, (-1, rows, columns, 2, 2, self.filters))
        made = ops.transpose(made, (0, 1, 3, 2, 4, 5))
        return ops.reshape(made, (-1, 2 * rows, 2 * columns, self.filters)) + self.bias


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
    model = ready(training, chosen, tv=tv, seed=seed)
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
    if any(isinstance(layer, _Doubled) for layer in model.layers):
        usual = unet(chosen.width, training.images.shape[1], chosen.dropout, image_scale(training.images))
        usual.set_weights(model.get_weights())
        model = usual  # so that what is kept has Keras' own layers alone
    return model, {name: [float(value) for value in values] for name, values in told.history.items()}


def ready(training: Part, chosen: Setting, *, tv: float = PUBLISHED_TV, seed: int = 0) -> keras.Model:
    """Return the network before its first step, compiled in the way that is quickest for this machine and backend."""
    keras.utils.set_random_seed(seed)
    on_gpu, backend = gpu(), keras.backend.backend()
    keras.config.set_dtype_policy("mixed_float16" if on_gpu else "float32")
    doubled = _Doubled if backend == "jax" and not on_gpu else layers.Conv2DTranspose
    scale, shares = image_scale(training.images), mask_shares(training.masks)
    model = _unet(chosen.width, training.images.shape[1], chosen.dropout, scale, shares, doubled)
    # On processors XLA's convolutions are slower than those that TensorFlow takes without it; JAX has no others.
    model.compile(keras.optimizers.Adam(chosen.rate), make_loss(tv), jit_compile=on_gpu or backend == "jax")
    return model
