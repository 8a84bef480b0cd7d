"""The probe of one framework, which prints its view as JSON on the last line; runs in the framework's environment.

It imports nothing of Nebulab, which need not be installed there, and works from Python 3.9 on.
"""

from __future__ import annotations

import base64
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterator
from typing import Any

MARK = "nebulab-view:"
_SIZE = 64
# The product of two matrices of ones: each element is their size, and all of them together its cube.
_EXPECTED = float(_SIZE**3)
_PACKAGES = {
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu"),
    "torch": ("torch",),
    "jax": ("jax",),
    "onnxruntime": ("onnxruntime-gpu", "onnxruntime"),
    "xgboost": ("xgboost", "xgboost-cpu"),
}
# An ONNX model of one node, b = a @ a with a of 64x64, opset 13; onnx itself need not be installed.
_PRODUCT = base64.b64decode(
    "CAgSADpAChEKAWEKAWESAWIiBk1hdE11bBIBZ1oTCgFhEg4KDAgBEggKAghACgIIQGITCgFiEg4KDAgBEggKAghACgIIQEIECgAQDQ=="
)


def _tensorflow() -> Iterator[dict[str, Any]]:
    import tensorflow as tf

    built = tf.sysconfig.get_build_info()
    yield {"cuda": str(built.get("cuda_version", "")), "cuda_build": bool(built.get("is_cuda_build"))}
    gpus = tf.config.list_physical_devices("GPU")
    yield {"gpus": len(gpus)}
    with tf.device("/GPU:0" if gpus else "/CPU:0"):
        ones = tf.ones((_SIZE, _SIZE))
        product = tf.matmul(ones, ones)
    yield {"result": float(tf.reduce_sum(product)), "device": "GPU" if "GPU" in product.device else "CPU"}


def _torch() -> Iterator[dict[str, Any]]:
    import torch

    yield {"cuda": torch.version.cuda or "", "cuda_build": torch.version.cuda is not None}
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    yield {"gpus": gpus}
    if torch.version.cuda and not gpus:
        torch.cuda.init()  # says why
    ones = torch.ones((_SIZE, _SIZE), device="cuda" if gpus else "cpu")
    yield {"result": float((ones @ ones).sum()), "device": "GPU" if gpus else "CPU"}


def _jax() -> Iterator[dict[str, Any]]:
    plugins = [(major, _version(f"jax-cuda{major}-plugin")) for major in (11, 12, 13, 14)]
    major = next((major for major, version in plugins if version), None)
    yield {"cuda": "" if major is None else str(major), "cuda_build": major is not None}
    import jax
    import jax.numpy as jnp

    gpus = [device for device in jax.devices() if device.platform in ("gpu", "cuda")]
    yield {"gpus": len(gpus)}
    ones = jax.device_put(jnp.ones((_SIZE, _SIZE)), gpus[0]) if gpus else jnp.ones((_SIZE, _SIZE))
    yield {"result": float((ones @ ones).sum()), "device": "GPU" if gpus else "CPU"}


def _onnxruntime() -> Iterator[dict[str, Any]]:
    import numpy
    import onnxruntime

    built = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    yield {"cuda": getattr(onnxruntime, "cuda_version", "") if built else "", "cuda_build": built}
    if built and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()  # CUDA's libraries from the wheels
    wanted = ["CUDAExecutionProvider"] if built else []
    session = onnxruntime.InferenceSession(_PRODUCT, providers=[*wanted, "CPUExecutionProvider"])
    on_gpu = "CUDAExecutionProvider" in session.get_providers()
    # It can't count GPUs: 1 stands for one or more.
    yield {"gpus": int(on_gpu)}
    (product,) = session.run(None, {"a": numpy.ones((_SIZE, _SIZE), numpy.float32)})
    yield {"result": float(product.sum()), "device": "GPU" if on_gpu else "CPU"}


def _xgboost() -> Iterator[dict[str, Any]]:
    import numpy
    import xgboost

    built = xgboost.build_info()
    version = ".".join(str(part) for part in built.get("CUDA_VERSION", ())[:2])
    yield {"cuda": version, "cuda_build": bool(built.get("USE_CUDA"))}
    device = "cuda" if built.get("USE_CUDA") else "cpu"
    features: Any = numpy.arange(_SIZE, dtype=numpy.float32).reshape(-1, 1)
    settings = {"device": device, "max_depth": 1, "base_score": 0.0, "learning_rate": 1.0, "lambda": 0.0}
    trained = xgboost.train(settings, xgboost.DMatrix(features, label=(features[:, 0] > 31) * 1.0), 1)
    # Without a GPU it goes to the processor with a warning; it can't count them either.
    used = json.loads(trained.save_config())["learner"]["generic_param"]["device"]
    yield {"gpus": int(used.startswith("cuda"))}
    result = float(trained.predict(xgboost.DMatrix(features)).sum()) / (_SIZE / 2) * _EXPECTED
    yield {"result": round(result, 3), "device": "GPU" if used.startswith("cuda") else "CPU"}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _view(name: str) -> dict[str, Any]:
    view: dict[str, Any] = {"installed": importlib.util.find_spec(name) is not None, "works": False, "error": ""}
    if not view["installed"]:
        return view
    view["version"] = next(filter(None, map(_version, _PACKAGES[name])), "")
    try:
        for figures in _STEPS[name]():
            view.update(figures)
        result = view.pop("result")
        view["works"] = result == _EXPECTED
        if not view["works"]:
            view["error"] = f"a product of matrices gave {result}, and not {_EXPECTED}"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the framework's answer
        view["error"] = f"{type(error).__name__}: {error}"
    return view


_STEPS = {
    "tensorflow": _tensorflow,
    "torch": _torch,
    "jax": _jax,
    "onnxruntime": _onnxruntime,
    "xgboost": _xgboost,
}

if __name__ == "__main__":
    print(f"\n{MARK}{json.dumps(_view(sys.argv[1]))}", flush=True)
