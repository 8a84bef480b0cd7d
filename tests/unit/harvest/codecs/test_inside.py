"""Values of PyTorch, TensorFlow, Keras and JAX: the checks in `inside/`, where these are installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.inside import KERNELS, names, outcomes
from support.stack import ENVIRONMENTS

pytestmark = pytest.mark.system

FOLDER = Path(__file__).with_name("inside")
TORCH = ENVIRONMENTS / "torch"


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    if not KERNELS.exists():
        pytest.skip("no kernels' environment is installed: `nebulab up` does, or NEBULAB_ENVIRONMENTS names one")
    return outcomes(FOLDER, TORCH)


@pytest.mark.parametrize("check", names(FOLDER))
def test_beside_the_real_libraries(found: dict[str, str], check: str) -> None:
    if check.startswith("torch.") and not TORCH.exists():
        pytest.skip("PyTorch is not installed beside the kernels' environment: the tests of models do")
    assert found[check] == ""
