"""What needs Keras and scikit-learn: the checks in `inside/`, in the kernels' environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.inside import KERNELS, names, outcomes
from support.stack import ROOT

pytestmark = pytest.mark.system

FOLDER = Path(__file__).with_name("inside")


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    if not KERNELS.exists():
        pytest.skip("no kernels' environment is installed: `nebulab up` does, or NEBULAB_ENVIRONMENTS names one")
    return outcomes(FOLDER, ROOT / "examples" / "ct-segmentation")


@pytest.mark.parametrize("check", names(FOLDER))
def test_beside_the_real_libraries(found: dict[str, str], check: str) -> None:
    assert found[check] == ""
