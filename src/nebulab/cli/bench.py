"""`nebulab bench`: the measurements against the goals."""

from __future__ import annotations

import sys

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Measure against the goals, side by side in one run, and print the table of ratios.

    \b
    ARGUMENTS go to the bench:
      --only PART   sessions, crowd, transfer, lookup, training, jobs,
                    page, notebooks, kernels, estimators, models or image
      --rounds N    how often a session is opened, or a job is run
      --against DIR another checkout to compare jobs and the page with

    The first seven start stacks of their own in a temporary folder and take
    them down again.
    The figures are ratios, so that a slow or busy machine doesn't change them much.
    """
    from nebulab.develop import tests

    sys.exit(tests.bench(arguments))
