"""The bench: `./nebulab bench`. Starts a stack if one is needed, measures side by side, prints the table of ratios."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from bench import (
    crowd,
    estimators,
    image,
    jobs,
    kernels,
    lookup,
    models,
    notebooks,
    page,
    portal,
    sessions,
    training,
    transfer,
)
from bench.table import Row, render
from nebulab.containers.engine import find_for
from nebulab.develop import tests
from nebulab.develop.environments import locked_environment
from nebulab.errors import SettingsError
from nebulab.stack.environments import install_missing
from nebulab.stack.settings import DEFAULT_IMAGE, StackSettings

BENCH = Path(__file__).parent
ROOT = BENCH.parent
ENVIRONMENTS: Path = tests.ENVIRONMENTS.read(os.environ) or ROOT / ".work" / "environments"

ON_GALAXY = ("sessions", "crowd", "transfer", "lookup", "training")
PARTS = (*ON_GALAXY, "jobs", "page", "notebooks", "kernels", "estimators", "models", "portal", "image")


def _bare_tool(folder: Path) -> Path:
    """Lay out the bare tool with a `python` beside it: a job does not inherit Galaxy's environment variables."""
    shutil.copytree(BENCH / "tools", folder)
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec "{locked_environment(BENCH / "bare.txt", ENVIRONMENTS / "bare")}" "$@"\n')
    python.chmod(0o755)
    return folder


@contextmanager
def stack(
    data_dir: Path, isolation: str = "bubblewrap", *, checkout: Path = ROOT, options: tuple[str, ...] = ()
) -> Iterator[tuple[str, str]]:
    """Start a stack that also offers the bare tool; yield its address and the user's key."""
    environments = ENVIRONMENTS if checkout == ROOT else checkout / ".work" / "environments"
    variables = os.environ | {tests.ENVIRONMENTS.name: str(environments)}
    nebulab = [str(checkout / "nebulab")]
    here = ["--data-dir", str(data_dir)]
    tools = ["--tool-conf", str(_bare_tool(data_dir.with_name("tools")) / "tool_conf.xml")]
    subprocess.run(
        [*nebulab, "up", "--detach", "--isolation", isolation, *options, *here, *tools],
        env=variables,
        check=True,
        stdout=sys.stderr,
    )
    try:
        status = subprocess.run(
            [*nebulab, "status", "--json", *here], env=variables, check=True, stdout=subprocess.PIPE
        )
        galaxy = next(part for part in json.loads(status.stdout)["parts"] if part["name"] == "galaxy")
        yield galaxy["address"], json.loads((data_dir / "secrets.json").read_text())["user"]["key"]
    finally:
        subprocess.run([*nebulab, "down", *here], env=variables, check=False, stdout=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nebulab bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="one measurement instead of all")
    parser.add_argument(
        "--rounds",
        type=int,
        help="how often each kind of session is opened (default: 5), or a job is run (default: 10)",
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="CHECKOUT",
        help="another checkout: jobs are compared with its, not with --no-worker, and so is the page",
    )
    return parser.parse_args()


def main() -> int:
    """Measure the chosen parts; the exit code tells whether every goal is met."""
    chosen = _arguments()
    rounds = chosen.rounds or 5
    wanted = PARTS if chosen.only is None else (chosen.only,)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="nebulab-bench-", ignore_cleanup_errors=True) as folder:
        data_dir, work = Path(folder) / "data", Path(folder) / "work"
        work.mkdir()
        if set(wanted) & set(ON_GALAXY):
            rows += _on_galaxy(wanted, Path(folder), work, rounds)
        elif not set(wanted) <= {"jobs", "page", "portal"}:
            install_missing(StackSettings(data_dir, ENVIRONMENTS, ROOT), Console(stderr=True))
        if "jobs" in wanted:
            rows += _jobs(Path(folder), work, chosen.rounds or 10, chosen.against)
        if "page" in wanted:
            rows += _page(Path(folder), rounds, chosen.against)
        rows += _without_galaxy(wanted, work, rounds)
    if "image" in wanted:
        rows += _image(rounds, only=chosen.only == "image")
    print(render(rows))
    return 0 if all(row.met for row in rows) else 1


def _on_galaxy(wanted: Sequence[str], folder: Path, work: Path, rounds: int) -> list[Row]:
    """Measure the parts that need a Galaxy on one stack, and sessions in containers on one of their own."""
    rows: list[Row] = []
    bare: crowd.Crowd | None = None
    data_dir = folder / "data"
    with stack(data_dir) as (url, key):
        if "sessions" in wanted:
            rows += sessions.measure(url, key, data_dir, rounds)
        if "crowd" in wanted:
            made, bare = crowd.measure(url, key, data_dir)
            rows += made
        if "transfer" in wanted:
            rows += transfer.measure(url, key, work)
        if "lookup" in wanted:
            rows += lookup.measure(url, key, work)
        if "training" in wanted:
            rows += training.measure(url, key, work)
    if bare is not None:
        rows += _crowd_in_containers(folder / "contained" / "data", bare)
    return rows


def _without_galaxy(wanted: Sequence[str], work: Path, rounds: int) -> list[Row]:
    """Measure the parts that need no Galaxy, only the environments of a stack."""
    rows: list[Row] = []
    if "notebooks" in wanted:
        rows += notebooks.measure(ENVIRONMENTS, work / "notebooks")
    if "kernels" in wanted:
        rows += kernels.measure(ENVIRONMENTS, work, rounds)
    if "estimators" in wanted:
        rows += estimators.measure(ENVIRONMENTS, ROOT)
    if "portal" in wanted:
        rows += portal.measure(work / "portal")
    if "models" in wanted:
        rows += models.measure(ENVIRONMENTS, ROOT)
    return rows


def _jobs(folder: Path, work: Path, rounds: int, against: Path | None) -> list[Row]:
    """Measure jobs on two stacks that run at the same time."""
    places = []
    for name in ("with", "without"):
        (folder / name).mkdir()
        places.append(folder / name / "data")
    checkout, options = (against.resolve(), ()) if against else (ROOT, ("--no-worker",))
    with stack(places[0]) as new, stack(places[1], checkout=checkout, options=options) as old:
        sides = jobs.Side(ROOT, places[0], *new), jobs.Side(checkout, places[1], *old)
        return jobs.measure(*sides, work, rounds, "the checkout before" if against else "without the worker")


def _page(folder: Path, rounds: int, against: Path | None) -> list[Row]:
    """Measure the page of sessions on two stacks that run at the same time; without another checkout, the idle one."""
    for name in ("page", "page-before"):
        (folder / name).mkdir()
    data, before = folder / "page" / "data", folder / "page-before" / "data"
    if against is None:
        with stack(data) as new:
            return page.measure(jobs.Side(ROOT, data, *new), None, rounds)
    with stack(data) as new, stack(before, checkout=against.resolve()) as old:
        return page.measure(jobs.Side(ROOT, data, *new), jobs.Side(against.resolve(), before, *old), rounds)


def _crowd_in_containers(data_dir: Path, bare: crowd.Crowd) -> list[Row]:
    """Measure sessions in containers too, where a container of the image starts."""
    try:
        find_for(DEFAULT_IMAGE)
    except SettingsError as error:
        print(f"No sessions in containers are measured: {error}", file=sys.stderr)
        return []
    data_dir.parent.mkdir()
    with stack(data_dir, "container") as (url, key):
        return crowd.measure_contained(url, key, data_dir, bare)


def _image(rounds: int, *, only: bool) -> list[Row]:
    """Measure the image, where there is an engine; without one that is told, and an error if nothing else was asked."""
    try:
        return image.measure(ROOT, locked_environment(BENCH / "bare.txt", ENVIRONMENTS / "bare"), rounds)
    except SettingsError as error:
        if only:
            raise
        print(f"The image is not measured: {error}", file=sys.stderr)
        return []


if __name__ == "__main__":
    sys.exit(main())
