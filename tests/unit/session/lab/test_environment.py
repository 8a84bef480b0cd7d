"""JupyterLab's environment: what links to Galaxy lead to."""

from __future__ import annotations

from pathlib import Path

import pytest

from nebulab import contract
from nebulab.session import settings as session_settings
from nebulab.session.lab import environment


@pytest.mark.parametrize(
    ("url", "key", "page"),
    [
        ("https://galaxy.example/", "a-key", "https://galaxy.example"),
        ("https://galaxy.example/galaxy", "a-key", "https://galaxy.example/galaxy"),
        ("http://somebody:secret@galaxy.example:8080", "a-key", "http://galaxy.example:8080"),
        ("https://galaxy.example", None, ""),
        ("", "a-key", ""),
    ],
)
def test_links_lead_to_galaxys_own_address_without_a_password(
    tmp_path: Path, url: str, key: str | None, page: str
) -> None:
    settings = session_settings.read({"GALAXY_URL": url}, root=tmp_path, key=key)
    variables = environment.galaxy(settings, broker="http://127.0.0.1:5", broker_token="a-token")
    assert variables[contract.GALAXY_PAGE] == page
    assert variables["GALAXY_URL"] == "http://127.0.0.1:5"
    assert "secret" not in str(variables)
