"""The tool's XML: its own tests on the real Galaxy, and the linter of Galaxy tools."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from nebulab.develop.environments import locked_environment
from support.galaxy import TOOL
from support.stack import ENVIRONMENTS, ROOT, Stack

pytestmark = pytest.mark.system

XML = ROOT / "galaxy-tools" / "interactive_tool_ml_jupyter_notebook.xml"


def test_the_tools_own_tests_pass(stack: Stack, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [str(ENVIRONMENTS / "galaxy" / "bin" / "galaxy-tool-test"), "-u", stack.url, "-k", stack.user.key]
    command += ["-a", stack.admin.key, "-t", TOOL, "-o", str(tmp_path), "-j", str(report)]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1500)

    results = [test["data"]["status"] for test in json.loads(report.read_text())["tests"]]
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert results, "the tool has no tests"
    assert set(results) == {"success"}


@pytest.mark.parametrize("as_what", ["interactive", "plain"])
def test_the_linter_has_nothing_to_say(tmp_path: Path, as_what: str) -> None:
    planemo = locked_environment(ROOT / "requirements" / "planemo.txt", ENVIRONMENTS / "planemo").parent / "planemo"
    xml = XML.read_text()
    assert ' tool_type="interactive"' in xml
    if as_what == "plain":
        # The linter looks at little of an interactive tool.
        xml = xml.replace(' tool_type="interactive"', "")
    copy = tmp_path / XML.name
    copy.write_text(xml)
    (tmp_path / "test-data").symlink_to(XML.parent / "test-data")
    for other in XML.parent.iterdir():
        if other.is_file() and other != XML:
            (tmp_path / other.name).symlink_to(other)
    finished = subprocess.run(
        [str(planemo), "lint", "--fail_level", "warn", str(copy)],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
