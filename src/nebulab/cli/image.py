"""`nebulab image`: build the container image, verify one, and audit what is in it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nebulab.containers.images import VARIANTS

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

    from nebulab import checkout
    from nebulab.containers import building
    from nebulab.containers import engine as engines

    building.build_and_tell(
        checkout.root(),
        Console(highlight=False),
        engine=engines.find(engine, to_run=False),
        variant=variant,
        tag=tag or f"nebulab:{variant}",
        base=base,
        wheels=wheels,
        micromamba=micromamba,
    )


@command.command()
@click.argument("tag")
@click.option("--only", metavar="TEXT", default="", help="Only the scripts with this in their path.")
@_ENGINE
def verify(tag: str, only: str, engine: str | None) -> None:
    """Run image/verify inside the image TAG.

    Each script runs as a user that the image does not know, on a read-only
    root, without capabilities and without a network: frameworks train, models
    go to ONNX and give the same predictions, kernels start, packages of the user's own
    can't break the Lab, nothing may be changed. It fails if one of them does.
    """
    from nebulab import checkout
    from nebulab.containers import engine as engines
    from nebulab.containers import verifying

    sys.exit(0 if verifying.verify_all(checkout.root(), engines.find(engine), tag, only) else 1)


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
    from nebulab.containers import auditing

    if tag and locks:
        raise click.UsageError("Give TAG or --lock, not both.")
    sys.exit(0 if auditing.run(tag, locks, known=advisories, engine_name=engine) else 1)
