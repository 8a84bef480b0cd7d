"""Tests see nothing of the settings of whoever runs them; `--timings` tells where their time goes."""

from __future__ import annotations

import os
import sys
from collections import defaultdict

import pytest

_OURS = ("NEBULAB_ENVIRONMENTS", "NEBULAB_TEST_")
_GALAXYS = ("API_KEY", "GALAXY_URL", "HISTORY_ID", "REMOTE_HOST", "JUPYTER_TOKEN", "GALAXY_WEB_PORT")
_SHOWN = 15
# Files of `tests/system` that take longest (`nebulab test --timings`): a worker that begins one of them last keeps the
# other waiting for it.
_BEGUN_FIRST = (
    "test_stack_worker",
    "test_tool_ends",
    "test_container",
    "test_models",
    "test_two_users",
    "test_pipelines",
    "test_galaxy_panel",
    "test_trainings_page",
    "test_galaxy_panel_stack",
    "test_lab_extension",
)


def pytest_configure() -> None:
    """Forget what a shell has exported for Nebulab or a session; what is for the tests themselves stays.

    What is compiled is written, whatever the shell says: each process would compile everything anew, and pytest rewrite
    every test, which is half of a quick test's time.
    """
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for name in list(os.environ):
        if name in _GALAXYS or (name.startswith("NEBULAB_") and not name.startswith(_OURS)):
            del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the system tests, the longest files first; short ones at the end keep both workers busy to the last.

    So the environments that the stacks install are there too when unit tests look for them.
    """

    def place(item: pytest.Item) -> int:
        if item.get_closest_marker("system") is None:
            return len(_BEGUN_FIRST) + 1
        return _BEGUN_FIRST.index(item.path.stem) if item.path.stem in _BEGUN_FIRST else len(_BEGUN_FIRST)

    items.sort(key=place)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--timings", action="store_true", help="tell which files and which tests took longest")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--timings"):
        return
    files: dict[str, float] = defaultdict(float)
    tests: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                files[report.nodeid.partition("::")[0]] += report.duration
                tests[report.nodeid] += report.duration
    for title, seconds in (("files", files), ("tests", tests)):
        terminalreporter.section(f"longest {title}, set-up included, of {sum(seconds.values()):.0f} s in all")
        for name, duration in sorted(seconds.items(), key=lambda one: one[1], reverse=True)[:_SHOWN]:
            terminalreporter.write_line(f"{duration:8.1f} s  {name}")
