"""Keras 3 on any of its backends, from a dense network to a U-Net and a transformer, and a module of TensorFlow's."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo import Member, Zoo


def make() -> Zoo:
    import keras
    from keras import layers

    random = np.random.default_rng(0)
    table = random.normal(size=(40, 4)).astype("float32")
    images = random.normal(size=(20, 16, 16, 1)).astype("float32")
    slices = random.normal(size=(8, 64, 64, 1)).astype("float32")
    series = random.normal(size=(40, 10, 3)).astype("float32")
    words = random.integers(0, 20, (40, 12)).astype("int32")

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    class Together(Own):
        def call(self, x: Any) -> Any:
            return keras.ops.softmax(self.dense(x), axis=0)

    called = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dropout(0.5), layers.Dense(1)])
    called(table[:16])
    own = Own()
    own(table[:4])
    together = Together()
    together(table[:4])
    convolution = [layers.Conv2D(4, 3), layers.BatchNormalization(), layers.MaxPooling2D(), layers.Flatten()]
    one, two = keras.Input((3,)), keras.Input((2,))
    members = {
        "called": Member(called, (table,)),
        "own": Member(own, (table,)),
        "together": Member(together, (table,)),
        "convolution": Member(keras.Sequential([keras.Input((16, 16, 1)), *convolution, layers.Dense(10)]), (images,)),
        "unet": Member(_unet(), (slices,)),
        "residual": Member(_residual(), (images,)),
        "lstm": Member(keras.Sequential([keras.Input((10, 3)), layers.LSTM(8), layers.Dense(1)]), (series,)),
        "gru": Member(
            keras.Sequential([keras.Input((10, 3)), layers.Bidirectional(layers.GRU(8)), layers.Dense(1)]), (series,)
        ),
        "transformer": Member(_transformer(), (words,)),
        "two_inputs": Member(
            keras.Model([one, two], [layers.Dense(2)(one), layers.Dense(1)(two)]), (table[:, :3], table[:, :2])
        ),
        "never_called": Member(Own(), (table,), "not kept", "never built or called"),
    }
    around: dict[str, Any] = {"X_train": table, "X_images": images, "X_slices": slices}
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        members["module"] = Member(_module(), (table,))
        around["x_batch"] = tf.constant(table[:, :2])  # as a training loop of one's own leaves it
    return Zoo(members, around)


def _unet() -> Any:
    import keras
    from keras import layers

    image = keras.Input((64, 64, 1))
    first = layers.Conv2D(16, 3, padding="same", activation="relu")(image)
    second = layers.Conv2D(32, 3, padding="same", activation="relu")(layers.MaxPooling2D()(first))
    lowest = layers.Conv2D(64, 3, padding="same", activation="relu")(layers.MaxPooling2D()(second))
    up = layers.concatenate([second, layers.Conv2DTranspose(32, 2, strides=2)(lowest)])
    up = layers.concatenate([first, layers.Conv2DTranspose(16, 2, strides=2)(up)])
    return keras.Model(image, layers.Conv2D(2, 1, activation="sigmoid")(up))


def _residual() -> Any:
    import keras
    from keras import layers

    image = keras.Input((16, 16, 1))
    narrow = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    inner = layers.BatchNormalization()(layers.SeparableConv2D(8, 3, padding="same")(narrow))
    whole = layers.Activation("relu")(layers.add([narrow, inner]))
    return keras.Model(image, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(whole)))


def _transformer() -> Any:
    """A block of one, on texts of any length."""
    import keras
    from keras import layers

    words = keras.Input((None,), dtype="int32")
    embedded = layers.Embedding(20, 8)(words)
    attended = layers.LayerNormalization()(layers.add([embedded, layers.MultiHeadAttention(2, 4)(embedded, embedded)]))
    forward = layers.Dense(8)(layers.Dense(16, activation="gelu")(attended))
    whole = layers.LayerNormalization()(layers.add([attended, forward]))
    return keras.Model(words, layers.Dense(3)(layers.GlobalAveragePooling1D()(whole)))


def _module() -> Any:
    import tensorflow as tf

    class Module(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable(tf.ones((4, 2)))

        def __call__(self, x: Any) -> Any:
            return x @ self.w

    return Module()
