"""A part that a test runs for real: without it the test is skipped with the reason, or fails where all is required."""

from __future__ import annotations

import os

import pytest

from nebulab.develop.parts import PARTS
from nebulab.develop.tests import REQUIRE_ALL


def require(name: str) -> str:
    """Return the path of the part's program."""
    part = next(part for part in PARTS if part.name == name)
    if part.path is not None:
        return part.path
    reason = f"no {part.program} on this machine (apt packages: {', '.join(part.packages)})"
    if REQUIRE_ALL.read(os.environ):
        pytest.fail(reason)
    pytest.skip(reason)
