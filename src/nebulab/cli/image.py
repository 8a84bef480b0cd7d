"""`nebulab image`: build the container image, verify one, and audit what is in it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from nebulab.containers.building import VARIANTS

_ENGINE = click.option(
    "--engine",
    type=click.Choice(["docker", "podman", "buildah"]),
    help="The program that does it.  [default: the first of these that works]",
)


@click.group()
def command() -> None:
    """Build Nebulab's container image from this checkout, and verify it.

    \b
    Examples:
      nebulab image build --variant lab          a small one, kernels from outside
      nebulab image build                        frameworks for processors
      nebulab image build --base bootstrap       where no registry can be reached
      nebulab image verify nebulab:cpu           inside it, without any rights
      nebulab image audit                        known vulnerabilities in the locks

    docs/image.md tells the variants' contents and sizes, and how to run one.
    """


@command.command()
@click.option("--variant", type=click.Choice(VARIANTS), default="cpu", show_default=True, help="What kernels hold.")
@click.option("--tag", help="The image's name.  [default: nebulab:VARIANT]")
@click.option(
    "--base",
    help="The image to build on: Debian 12, by digest if it must never change; `bootstrap` makes one of "
    "Debian's packages.  [default: debian:bookworm-slim]",
)
@click.option(
    "--wheels",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Take wheels from this folder first: PyTorch's build for processors.  [default: $PIP_FIND_LINKS]",
)
@click.option(
    "--micromamba",
    metavar="SOURCE#sha256=HASH",
    help="Put this micromamba into the image, for users' conda environments: an https address of the program itself, "
    "or a file.  [default: none]",
)
@_ENGINE
def build(
    variant: str,
    tag: str | None,
    base: str | None,
    wheels: Path | None,
    micromamba: str | None,
    engine: str | None,
) -> None:
    """Build the image.

    What is installed comes from requirements/, with hashes. The engine keeps
    what it has built: a change of Nebulab's own code takes seconds.

    \b
    Read from the environment:
      SSL_CERT_FILE       a proxy's authority; trusted while building, not kept
      SOURCE_DATE_EPOCH   the time that all files get, for equal images
    """
    from rich.console import Console

    from nebulab.containers import building as image
    from nebulab.containers import engine as engines
    from nebulab.develop import tests

    console = Console(highlight=False)
    tag = tag or f"nebulab:{variant}"
    began = time.monotonic()
    found = engines.find(engine, to_run=False)
    image.build(
        tests.root(), console, engine=found, variant=variant, tag=tag, base=base, wheels=wheels, micromamba=micromamba
    )
    if found.runs:
        for size, made_by in image.layers(found, tag):
            console.print(f"{size / 1e6:8.1f} MB  {made_by[:90]}", markup=False, soft_wrap=True)
    console.print(f"Built {tag} in {time.monotonic() - began:.0f} s. Verify it: nebulab image verify {tag}")


@command.command()
@click.argument("tag")
@click.option("--only", metavar="TEXT", default="", help="Only the scripts with this in their path.")
@_ENGINE
def verify(tag: str, only: str, engine: str | None) -> None:
    """Run image/verify inside the image TAG.

    Each script runs as a user that the image does not know, on a read-only
    root, without capabilities and without a network: frameworks train, models
    go to ONNX and compute the same, kernels start, packages of the user's own
    can't break the Lab, nothing may be changed. It fails if one of them does.
    """
    from nebulab.containers import building as image
    from nebulab.containers import engine as engines
    from nebulab.develop import tests

    found = engines.find(engine)
    failed = 0
    for script in image.scripts(tests.root(), image.variant_of(found, tag)):
        if only not in script:
            continue
        verified = image.verify(found, tag, script)
        click.echo(f"{'ok    ' if verified.code == 0 else 'FAILED'}  {script}  {verified.seconds:.0f} s")
        if verified.code:
            failed += 1
            click.echo(verified.output, err=True)
    sys.exit(1 if failed else 0)


@command.command()
@click.argument("tag", required=False)
@click.option(
    "--advisories",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Advisories in OSV's form to search, instead of asking PyPI: a clone of PyPA's advisory database.",
)
@click.option(
    "--lock",
    "locks",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Audit this lock alone; may be given several times.  [default: all that people install]",
)
@_ENGINE
def audit(tag: str | None, advisories: Path | None, locks: tuple[Path, ...], engine: str | None) -> None:
    """Look for known vulnerabilities in the locks, or in what the image TAG holds.

    \b
    Examples:
      nebulab image audit                              the locks; asks PyPI
      nebulab image audit nebulab:cpu                  the bill inside the image
      nebulab image audit --advisories ~/advisory-database
      nebulab image audit --lock requirements/lab.txt

    The exit code is 1 for a vulnerability of high severity (CVSS 7 or more) that
    image/exceptions.toml does not name, for one that nobody rated (PyPI's list
    has no ratings), for a package that could not be looked up, and for an
    exception that has ended or that nothing needs.

    pip-audit asks PyPI; nothing is installed. Only Python packages are looked
    at: Debian's are not, and neither are libraries inside of wheels. How new a
    folder of advisories is stands in the output: what is younger is not known.
    """
    import datetime

    from nebulab.containers import advisories as known
    from nebulab.containers import audit
    from nebulab.containers import engine as engines
    from nebulab.develop import tests

    if tag and locks:
        raise click.UsageError("Give TAG or --lock, not both.")
    tests.install_packages("dev")
    checkout = tests.root()
    if tag:
        pins = audit.installed(engines.find(engine), tag)
    else:
        pins = audit.locked(checkout, [lock.absolute() for lock in locks])
    exempt = audit.exceptions(checkout / audit.EXCEPTIONS)
    looked = known.search(advisories, pins) if advisories else known.ask_pypi(pins)
    verdict = audit.judge(pins, looked, exempt, datetime.date.today(), everything=not (tag or locks))
    click.echo(f"{len(pins)} packages, against the advisories: {looked.data}")
    for title, color, findings in (
        ("VULNERABLE", "red", verdict.open),
        ("excepted", "yellow", [finding for finding, _ in verdict.lived_with]),
        ("below high", None, verdict.minor),
    ):
        for finding in findings:
            mended = f"mended in {', '.join(finding.fixed)}" if finding.fixed else "no release mends it"
            where = ", ".join(verdict.places.get(finding.pin, ()))
            score = "not rated" if finding.score is None else f"CVSS {finding.score}"
            click.secho(f"{title}  {'=='.join(finding.pin)}  {finding.ids[0]}  {score}; {mended}  ({where})", fg=color)
            click.echo(f"    {finding.summary}")
    for one in verdict.expired:
        click.secho(f"ENDED  the exception {one.id} for {one.package}, on {one.until}: mend it, or review it", fg="red")
    for one in verdict.unneeded:
        click.secho(f"UNNEEDED  the exception {one.id} for {one.package}: remove it", fg="red")
    if verdict.unknown:
        names = ", ".join("==".join(pin) for pin in verdict.unknown[:10])
        click.secho(f"NOT LOOKED UP  {len(verdict.unknown)} packages, such as {names}", fg="red")
        click.echo("    Does the index have PyPI's list of vulnerabilities? Else: --advisories FOLDER")
    sys.exit(0 if verdict.good else 1)
