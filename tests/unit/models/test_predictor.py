"""What a predictor asks of ONNX Runtime, which stands in here: only with a GPU its CUDA build does what it is told."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from nebulab.models.predictor import Predictor


@pytest.mark.parametrize(
    ("share", "options"),
    [("", {}), ("4096", {"gpu_mem_limit": str(4096 * 2**20), "arena_extend_strategy": "kSameAsRequested"})],
)
def test_a_predictor_keeps_to_its_share_of_the_gpus_memory(
    monkeypatch: pytest.MonkeyPatch, share: str, options: dict[str, str]
) -> None:
    asked: list[Any] = []

    def session(path: str, settings: object, providers: list[Any]) -> SimpleNamespace:
        asked.extend(providers)
        return SimpleNamespace(
            get_modelmeta=lambda: SimpleNamespace(custom_metadata_map={}),
            get_providers=lambda: [name for name, _ in providers],
        )

    runtime = SimpleNamespace(
        SessionOptions=SimpleNamespace,
        InferenceSession=session,
        get_available_providers=lambda: ["CPUExecutionProvider", "CUDAExecutionProvider"],
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    monkeypatch.setenv("NEBULAB_GPU_MEMORY_MB", share)
    assert Predictor("model.onnx").device == "GPU"
    assert asked == [("CUDAExecutionProvider", options), ("CPUExecutionProvider", {})]
