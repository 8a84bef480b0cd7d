"""`nebulab image`: build the container image, and verify one."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from nebulab.develop.image import VARIANTS

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

    from nebulab.develop import image, tests
    from nebulab.stack import engine as engines

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
    from nebulab.develop import image, tests
    from nebulab.stack import engine as engines

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
