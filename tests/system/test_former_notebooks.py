"""Image segmentation as notebooks of the tool's earlier versions write it: Keras 2, HDF5 weights, tf2onnx, onnx_tf.

The notebooks are ours, with the calls, names and shapes of those that tutorials teach, on data made here.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import run
from typing import Any

import nbformat
import pytest

from nebulab import contract
from support.kernels import kernelspecs
from support.stack import ENVIRONMENTS

pytestmark = pytest.mark.system

KERNELS = ENVIRONMENTS / "kernels"

DATA = """
import os
import h5py
import numpy as np

rng = np.random.default_rng(0)
os.makedirs("h5_datasets", exist_ok=True)
with h5py.File("h5_datasets/combined_CT_datasets.h5", "w") as file:
    for images, masks, count in (("X_train", "y_train", 6), ("X_valid", "y_valid", 2), ("y", "label_test", 3)):
        lesion = rng.random((count, 8, 8)).repeat(16, 1).repeat(16, 2) > 0.6
        file[images] = (lesion + rng.normal(0, 0.2, lesion.shape))[..., None]
        file[masks] = np.stack([~lesion, lesion], -1).astype("float32")
"""

NETWORK = """
import tensorflow as tf
from tensorflow.keras import backend as K
from tensorflow.keras.callbacks import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from tensorflow.keras.layers import Activation, BatchNormalization, Conv2D, Conv2DTranspose, Dropout, Input
from tensorflow.keras.layers import MaxPooling2D, concatenate
from tensorflow.keras.losses import binary_crossentropy
from tensorflow.keras.metrics import Precision, Recall
from tensorflow.keras.models import Model
from tensorflow.keras.optimizers import Adam
from skimage.io import imread, imshow
from skimage.transform import resize
from PIL import Image
import h5py
import numpy as np
import os


def block(x, filters):
    for _ in range(2):
        x = Conv2D(filters, (3, 3), kernel_initializer="he_normal", padding="same")(x)
        x = Activation("relu")(BatchNormalization()(x))
    return x


def unet(image, filters=2, dropout=0.2):
    left = block(image, filters)
    below = block(Dropout(dropout)(MaxPooling2D((2, 2))(left)), filters * 2)
    right = concatenate([Conv2DTranspose(filters, (3, 3), strides=(2, 2), padding="same")(below), left])
    return Model(inputs=[image], outputs=[Conv2D(2, (1, 1), activation="sigmoid")(block(right, filters))])


def tv_loss(y_true, y_pred):
    images = y_pred[:, :, :, 1]
    rough = tf.reduce_mean(tf.abs(images[:, 1:, :] - images[:, :-1, :]))
    return 2.4e-7 * rough + binary_crossentropy(K.flatten(y_true), K.flatten(y_pred))


def dice_loss(y_true, y_pred):
    overlap = K.sum(K.flatten(y_true) * K.flatten(y_pred))
    return 1 - (2.0 * overlap + 1e-4) / (K.sum(K.flatten(y_true)) + K.sum(K.flatten(y_pred)) + 1e-4)
"""

TRAINING = """
combined_data = h5py.File("h5_datasets/combined_CT_datasets.h5", "r")
X_train, X_valid, y_train, y_valid = (np.array(combined_data[k]) for k in ("X_train", "X_valid", "y_train", "y_valid"))
model = unet(Input((128, 128, 1), name="img"))
model.compile(
    optimizer=Adam(learning_rate=0.001),
    loss=[tv_loss],
    metrics=["accuracy", dice_loss, Recall(name="recall_1"), Precision(name="pre_1")],
)
callbacks = [
    EarlyStopping(patience=50, verbose=1),
    ReduceLROnPlateau(factor=0.1, patience=5, min_lr=0.00001, verbose=1),
    ModelCheckpoint("model-TV-UNet1.h5", verbose=1, save_best_only=True, save_weights_only=True),
]
results = model.fit(
    X_train, y_train, batch_size=4, epochs=2, callbacks=callbacks, validation_data=(X_valid, y_valid), verbose=2
)
model.load_weights("model-TV-UNet1.h5")
"""

EXPORT = """
os.makedirs("tf_model", exist_ok=True)
os.makedirs("onnx_trained_model", exist_ok=True)
tf.saved_model.save(model, "tf_model")
y_keras = model.predict(np.array(combined_data["y"]))
np.save("by_keras.npy", y_keras)
"""

CONVERT = """%%bash
python -m tf2onnx.convert --saved-model tf_model --output onnx_trained_model/ct_seg_model.onnx --opset 14
"""

PREDICTION = """
import h5py
import numpy as np
import onnx
import tensorflow as tf
from onnx_tf.backend import prepare

combined_data = h5py.File("h5_datasets/combined_CT_datasets.h5", "r")
y = np.array(combined_data["y"])
loaded_model = onnx.load("onnx_trained_model/ct_seg_model.onnx")
tf_loaded_model = prepare(loaded_model)
prediction_onnx = tf_loaded_model.run(y, training=False)
prediction_onnx = np.array(prediction_onnx).squeeze()
onnx_preds_test_t1 = (prediction_onnx > 0.1).astype(np.uint8)
assert onnx_preds_test_t1.shape == (3, 128, 128, 2), onnx_preds_test_t1.shape
assert np.allclose(prediction_onnx, np.load("by_keras.npy"), atol=1e-4)
gpu = tf.config.list_physical_devices("GPU")
if len(gpu) > 0:
    from numba import cuda
    cuda.select_device(0)
    cuda.close()
"""

STATES = """
import numpy as np
import tensorflow as tf

assert tf.keras.Sequential.__module__.startswith("tf_keras."), tf.keras.Sequential
model = tf.keras.Sequential([tf.keras.layers.LSTM(3, stateful=True, batch_input_shape=(1, 4, 2))])
first = model.predict(np.ones((1, 4, 2)))
model.reset_states()
assert np.allclose(model.predict(np.ones((1, 4, 2))), first)
"""

Execute = Callable[..., Path]


@pytest.fixture
def execute(tmp_path: Path) -> Execute:
    """Run cells as a job does, by `nebulab run` with a session's kernelspecs; return the folder of what they made."""
    if not (KERNELS / "bin" / "python").exists():
        pytest.skip("no kernels' environment is installed: `nebulab up` does")
    variables = os.environ | kernelspecs(tmp_path)
    work = tmp_path / "work"
    work.mkdir()

    def run_cells(name: str, *cells: str, kernel: str = contract.KERAS2, options: tuple[str, ...] = ()) -> Path:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
        path = work / f"{name}.ipynb"
        nbformat.write(notebook, path)
        results = tmp_path / name
        command = [sys.executable, "-m", "nebulab", "run", str(path), "--results", str(results), *options]
        finished = run(command, cwd=work, env=variables, capture_output=True, text=True, timeout=580)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return results

    return run_cells


def fates(results: Path) -> dict[str, Any]:
    report = json.loads((results / "harvest.json").read_text())
    return {entry["name"]: entry for entry in report["globals"]}


def test_a_segmentation_network_is_trained_exported_and_predicts(execute: Execute) -> None:
    trained = execute("2_create_model_and_train", DATA, NETWORK, TRAINING, EXPORT, CONVERT)
    model = fates(trained)["model"]
    assert model["fate"] == "model", model
    assert (trained / model["files"][0]).suffix == ".onnx"
    execute("3_predict_masks", PREDICTION)


def test_states_of_recurrent_networks_are_reset(execute: Execute) -> None:
    execute("states", STATES, options=("--no-models",))


def test_the_first_kernel_keeps_keras_3(execute: Execute) -> None:
    cell = "import tensorflow as tf\nassert tf.keras.Sequential.__module__.startswith('keras.')"
    execute("three", cell, kernel="python3", options=("--no-models",))
