"""Builds `lab-extension/`, Nebulab's part of the page: `python -m nebulab.develop.front_end`; runs in a checkout.

JupyterLab's own builder compiles and bundles TypeScript into `lab-extension/built/`, which is kept in the repository:
who installs Nebulab needs no Node. Node and npm come with Galaxy's environment, packages by
`package-lock.json`. With `--check` nothing is changed: it says whether the source is formatted and gives this bundle.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
from rich.console import Console

from nebulab import checkout
from nebulab.develop import tests
from nebulab.errors import InstallError, NebulabError
from nebulab.files import locked
from nebulab.stack.environments import install_missing
from nebulab.stack.proxy.gx_it_proxy import Node, find_node
from nebulab.stack.settings import read_settings

BUILT = "built"
_SOURCES = ("src", "style", "schema", "package.json", "rspack.config.js", "tsconfig.json")
_COPY = ".build"
_STAMP = ".nebulab-stamp"


def build(folder: Path, node: Node) -> Path:
    """Build the extension in `folder`, beside the packages that it needs, and return the bundle's folder.

    Raises
    ------
    InstallError
        The compiler or the builder refuses it; the end of its output is in the message.
    """
    shutil.rmtree(folder / BUILT, ignore_errors=True)
    modules = folder.parent / "node_modules"
    _call([node.program, modules / "typescript" / "bin" / "tsc"], folder, node)
    core = modules / "@jupyterlab" / "core-meta" / "core.package.json"
    builder = modules / "@jupyter" / "builder" / "lib" / "build-labextension.js"
    _call([node.program, builder, "--core-package-file", core, folder], folder, node)
    shutil.rmtree(folder / "lib")
    # The builder's note for a debugger, with this machine's path in it.
    for note in (folder / BUILT).rglob("build_log.json"):
        note.unlink()
    return folder / BUILT


def install(folder: Path, node: Node) -> None:
    """Install the packages of `folder`'s lock into its `node_modules`, unless that was done.

    Raises
    ------
    InstallError
        npm could not install them.
    """
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / _STAMP
    with locked(folder / ".lock", wait=True):
        if not stamp.is_file() or stamp.read_text() != wanted:
            _call([*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, node)
            stamp.write_text(wanted)


def rebuilt(source: Path, node: Node) -> Path:
    """Build a copy of `source` in a folder within it, and return the bundle's folder.

    A failed build leaves the bundle as it was. The folder's place is fixed: names of modules come from their paths.
    """
    copy = source / _COPY
    shutil.rmtree(copy, ignore_errors=True)
    for name in _SOURCES:
        if (source / name).is_dir():
            shutil.copytree(source / name, copy / name)
        elif (source / name).is_file():
            copy.mkdir(exist_ok=True)
            shutil.copy(source / name, copy / name)
    return build(copy, node)


def differences(one: Path, other: Path) -> list[str]:
    """Return the names of files below two folders that differ, or are in one of them alone."""
    names = {path.relative_to(top) for top in (one, other) for path in top.rglob("*") if path.is_file()}
    return sorted(
        str(name)
        for name in names
        if not ((one / name).is_file() and (other / name).is_file() and filecmp.cmp(one / name, other / name, False))
    )


def _node() -> Node:
    folder = tests.ENVIRONMENTS.read(os.environ) or checkout.root() / ".work" / "environments"
    settings = read_settings({"environments_dir": folder})
    install_missing(settings, Console(stderr=True), names=("galaxy",))
    return find_node(settings)


def _call(command: list[Path | str], folder: Path, node: Node) -> None:
    finished = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=dict(node.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if finished.returncode:
        raise InstallError(f"`{Path(command[1]).name}` failed.", finished.stdout[-4000:])


def format_sources(source: Path, node: Node, *, check: bool) -> None:
    """Format TypeScript and CSS with Prettier, or only look whether they are.

    Raises
    ------
    InstallError
        They are not, or can't be read; the message names the files.
    """
    prettier = source / "node_modules" / "prettier" / "bin" / "prettier.cjs"
    mode = "--check" if check else "--write"
    _call([node.program, prettier, mode, "--log-level", "warn", "src/**/*.{ts,tsx}", "style/*.css"], source, node)


@click.command(help=__doc__)
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if the bundle is not what the source gives.")
def main(check: bool) -> None:
    """Build the front end, or compare the bundle with it."""
    source = checkout.root() / "lab-extension"
    try:
        node = _node()
        install(source, node)
        with locked(source / ".lock", wait=True):
            format_sources(source, node, check=check)
            made = rebuilt(source, node)
            changed = differences(made, source / BUILT)
            if not check:
                shutil.rmtree(source / BUILT, ignore_errors=True)
                shutil.copytree(made, source / BUILT)
            shutil.rmtree(source / _COPY)
    except NebulabError as error:
        raise click.ClickException(str(error)) from error
    click.echo("\n".join(changed) or "The bundle is what the source gives.")
    sys.exit(1 if check and changed else 0)


if __name__ == "__main__":
    main()
