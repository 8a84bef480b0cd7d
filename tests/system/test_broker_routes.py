"""The list of Galaxy's routes that the broker's walk goes through is that of the Galaxy that is installed."""

from __future__ import annotations

import pytest

from nebulab.develop import broker_routes
from support.stack import ENVIRONMENTS, ROOT

pytestmark = pytest.mark.system


def test_the_list_is_that_of_the_installed_galaxy() -> None:
    """Only imports Galaxy's modules: no stack is started."""
    python = ENVIRONMENTS / "galaxy" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no Galaxy in {ENVIRONMENTS}")
    listed = (ROOT / broker_routes.LIST).read_text(encoding="utf-8")
    assert broker_routes.routes_of(python) == listed, f"write it anew with `{broker_routes.COMMAND} --galaxy {python}`"
