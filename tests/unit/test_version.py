"""One version, written once: what else has to carry it carries the same."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

import nebulab

ROOT = Path(__file__).parents[2]


def test_the_package_takes_it_from_the_code() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "src/nebulab/__init__.py"


def test_the_lab_extension_has_it() -> None:
    source = ROOT / "lab-extension"
    for folder in (source, source / "built" / "@nebulab" / "lab-extension"):
        assert json.loads((folder / "package.json").read_text())["version"] == nebulab.__version__


@pytest.mark.parametrize("tool", ["interactive_tool_ml_jupyter_notebook", "run_jupyter_job"])
def test_the_tools_have_it(tool: str) -> None:
    tokens = ElementTree.parse(ROOT / "galaxy-tools" / f"{tool}.xml").getroot().iter("token")
    assert {token.get("name"): token.text for token in tokens}["@TOOL_VERSION@"] == nebulab.__version__


def test_the_changelog_begins_with_it() -> None:
    heading = next(line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## "))
    assert heading.split()[1] == nebulab.__version__
