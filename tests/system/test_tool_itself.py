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

TOOLS = ROOT / "galaxy-tools"
JOB_TOOL = "run_jupyter_job"


@pytest.mark.parametrize(("tool", "version"), [(TOOL, "1.0.0"), (JOB_TOOL, "1.0.0"), (JOB_TOOL, "0.0.1")])
def test_the_tools_own_tests_pass(stack: Stack, tmp_path: Path, tool: str, version: str) -> None:
    report = tmp_path / "report.json"
    command = [str(ENVIRONMENTS / "galaxy" / "bin" / "galaxy-tool-test"), "-u", stack.url, "-k", stack.user.key]
    command += ["-a", stack.admin.key, "-t", tool, "--tool-version", version, "-o", str(tmp_path), "-j", str(report)]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1500)

    results = [test["data"]["status"] for test in json.loads(report.read_text())["tests"]]
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert results, "the tool has no tests"
    assert set(results) == {"success"}


@pytest.mark.parametrize(
    ("tool", "as_what"), [(TOOL, "interactive"), (TOOL, "plain"), (JOB_TOOL, "job"), (f"{JOB_TOOL}_0.0.1", "job")]
)
def test_the_linter_has_nothing_to_say(tmp_path: Path, tool: str, as_what: str) -> None:
    file = TOOLS / f"{tool}.xml"
    planemo = locked_environment(ROOT / "requirements" / "planemo.txt", ENVIRONMENTS / "planemo").parent / "planemo"
    xml = file.read_text()
    assert (' tool_type="interactive"' in xml) == (as_what != "job")
    if as_what == "plain":
        # The linter looks at little of an interactive tool.
        xml = xml.replace(' tool_type="interactive"', "")
    copy = tmp_path / file.name
    copy.write_text(xml)
    (tmp_path / "test-data").symlink_to(TOOLS / "test-data")
    for other in TOOLS.iterdir():
        if other.is_file() and other != file:
            (tmp_path / other.name).symlink_to(other)
    finished = subprocess.run(
        [str(planemo), "lint", "--fail_level", "warn", str(copy)],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
