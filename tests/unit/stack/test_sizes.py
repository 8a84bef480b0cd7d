"""Sizes as people write them."""

from __future__ import annotations

import pytest

from nebulab.errors import SettingsError
from nebulab.stack.sizes import megabytes


@pytest.mark.parametrize(("said", "size"), [("900m", 900), ("8g", 8192), ("1.5 GB", 1536), ("2TiB", 2 * 1024**2)])
def test_what_is_a_size(said: str, size: int) -> None:
    assert megabytes(said, "--memory", 256) == size


@pytest.mark.parametrize("said", ["8", "lots", "-1g", "255m", ""])
def test_what_is_none(said: str) -> None:
    with pytest.raises(SettingsError, match="--memory is") as caught:
        megabytes(said, "--memory", 256)
    assert "256m or more" in caught.value.hint
