"""The page's part as it is kept in the repository is what its source gives, on any machine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nebulab import contract
from support.stack import ENVIRONMENTS, ROOT

pytestmark = pytest.mark.system


def test_the_bundle_is_what_the_source_gives(request: pytest.FixtureRequest) -> None:
    if not (ENVIRONMENTS / "galaxy" / "bin" / "node").exists():
        request.getfixturevalue("stack")  # it brings Node
    checked = subprocess.run(
        [sys.executable, "-m", "nebulab.develop.front_end", "--check"],
        cwd=ROOT,
        env=os.environ | {contract.ENVIRONMENTS: str(ENVIRONMENTS)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert checked.returncode == 0, (
        f"run `.venv/bin/python -m nebulab.develop.front_end`:\n{checked.stdout}{checked.stderr}"
    )
