"""Keras 3 on TensorFlow, from a dense network to a U-Net and attention, and a module of TensorFlow's own."""

from __future__ import annotations

import numpy as np
from report import Zoo, main


def make() -> Zoo:
    import keras
    import tensorflow as tf
    from keras import layers

    random = np.random.default_rng(0)
    table = random.normal(size=(40, 4)).astype("float32")
    images = random.normal(size=(20, 16, 16, 1)).astype("float32")

    image = keras.Input((16, 16, 1))
    down = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    up = layers.Conv2DTranspose(4, 2, strides=2)(layers.MaxPooling2D()(down))
    mask = layers.Conv2D(2, 1, activation="sigmoid")(layers.concatenate([down, up]))
    words = keras.Input((None,), dtype="int32")
    embedded = layers.Embedding(20, 8)(words)
    attended = layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 4)(embedded, embedded))
    one, two = keras.Input((3,)), keras.Input((2,))

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    class Module(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable(tf.ones((4, 2)))

        def __call__(self, x):
            return x @ self.w

    called = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dropout(0.5), layers.Dense(1)])
    called(table[:16])
    own = Own()
    own(table[:4])
    convolution = [layers.Conv2D(4, 3), layers.BatchNormalization(), layers.MaxPooling2D(), layers.Flatten()]
    models = {
        "called": called,
        "convolution": keras.Sequential([keras.Input((16, 16, 1)), *convolution, layers.Dense(10)]),
        "unet": keras.Model(image, mask),
        "lstm": keras.Sequential([keras.Input((10, 3)), layers.LSTM(8), layers.Dense(1)]),
        "attention": keras.Model(words, layers.Dense(3)(attended)),
        "two_inputs": keras.Model([one, two], [layers.Dense(2)(one), layers.Dense(1)(two)]),
        "own": own,
        "module": Module(),
        "never_called": Own(),
    }
    return models, {"X_train": table, "X_images": images}


main(make)
