"""`nebulab test`: the project's tests."""

from __future__ import annotations

import sys

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--unit", is_flag=True, help="Only the unit tests: no Galaxy, no browser, under a minute.")
@click.option("--lint", is_flag=True, help="Only the linters (ruff, mypy): no test.")
@click.option("--timings", is_flag=True, help="Tell at the end which files and which tests took longest.")
@click.option("--require-all", is_flag=True, help="Fail, instead of skipping tests, where a part is missing.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(unit: bool, lint: bool, timings: bool, require_all: bool, arguments: tuple[str, ...]) -> None:
    """Run the project's tests; ARGUMENTS go to pytest.

    \b
    Examples:
      nebulab test                                everything, linters first
      nebulab test --unit                         within a minute
      nebulab test --lint                         what a commit must pass, in seconds
      nebulab test --unit tests/unit/session -x   one room, stop at the first failure
      nebulab test tests/system -k browser        the person's path in a real browser

    It installs what the tests need: Python packages with uv; a browser, bubblewrap
    and a compiler with apt where this user may. What is missing is said.
    """
    from nebulab.develop import tests

    sys.exit(tests.run(unit=unit, lint=lint, timings=timings, require_all=require_all, arguments=arguments))
