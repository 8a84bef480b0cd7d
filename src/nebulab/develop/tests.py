"""Runs the linters and the tests of a checkout, after installing what they need; runs in a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import click

from nebulab import contract
from nebulab.checkout import install_packages, root
from nebulab.develop import parts
from nebulab.variables import PLACE, Setting

_LINTERS = (
    (sys.executable, "-m", "ruff", "check", "."),
    (sys.executable, "-m", "ruff", "format", "--check", "."),
    (sys.executable, "-m", "mypy"),
)
REQUIRE_ALL = Setting(
    contract.TEST_REQUIRE_ALL, "", help="Not empty: a test whose part is missing fails; `--require-all` sets it."
)
ENVIRONMENTS = Setting(
    contract.ENVIRONMENTS,
    kind=PLACE,
    unset="`.work/environments` in the checkout",
    help="The folder of the Python environments of the stacks that tests and the bench start.",
)
STACK = Setting(contract.TEST_STACK, "", help="The data folder of a stack that runs already, for the system tests.")
SCREENSHOTS = Setting(
    contract.TEST_SCREENSHOTS, "", help="The folder for the README's pictures, which a test of the browser takes."
)
_GALAXIES = 2
"""More would need more processors and memory than CI's machine has."""


def run(
    *,
    arguments: Sequence[str],
    unit: bool = False,
    lint: bool = False,
    timings: bool = False,
    require_all: bool = False,
) -> int:
    """Lint and test the checkout, and return the exit code of the first step that failed, or 0.

    `unit` leaves out the system tests and the linters, `lint` all tests; `timings` adds where the time went; with
    `require_all` a missing part fails its tests instead of skipping them; `arguments` go to pytest.
    """
    install_packages("dev")
    if lint:
        return _first_failure(_LINTERS)
    steps: list[Sequence[str]] = []
    if not unit:
        still_missing = parts.install_missing()
        for part in still_missing:
            click.secho(
                f"missing: {part.name} ({part.program}); untested without it: {part.costs}", fg="yellow", err=True
            )
        if require_all and still_missing:
            return 1
        steps += _LINTERS
    pytest = [sys.executable, "-m", "pytest", *(["--timings"] if timings else [])]
    # Unit tests share nothing: two for each processor, since half of a test's time is waiting. The tests of a file of
    # the system's may share what they start, and each of the two workers has a Galaxy of its own.
    side_by_side = ["-m", "not system", "-n", str(2 * (os.cpu_count() or 1)), "--dist", "worksteal"]
    # The others need not be read to be left out.
    side_by_side += ["-o", "testpaths=tests/unit"]
    # In the order of `tests/conftest.py`, not by the number of tests in a file.
    two_files = ["-n", str(_GALAXIES), "--dist", "loadfile", "--no-loadscope-reorder"]
    steps.append([*pytest, *(side_by_side if unit else two_files), *arguments])
    return _first_failure(steps, {REQUIRE_ALL.name: "1"} if require_all else {})


def _first_failure(steps: Sequence[Sequence[str]], variables: Mapping[str, str] = MappingProxyType({})) -> int:
    # What is compiled is written, whatever the shell says: each process would compile all that it imports anew.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for step in steps:
        code = subprocess.run(step, cwd=root(), env=environment | dict(variables)).returncode
        if code:
            return code
    return 0


def bench(arguments: Sequence[str]) -> int:
    """Run the bench of the checkout with `arguments`, and return its exit code."""
    install_packages("dev")
    return subprocess.run([sys.executable, "-m", "bench", *arguments], cwd=root()).returncode
