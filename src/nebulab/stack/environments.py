"""Installs the Python environments from their locks with uv, and only what is missing; runs on one machine.

An environment carries a stamp which is removed before anything is changed and written after everything is there, so an
interrupted install is noticed and redone. A lock file lets several stacks share the environments. The kernels', which
sessions use while `up --frameworks` makes another, is built beside the old one (`folders`).
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from nebulab.accelerators import asking
from nebulab.contract import ENVIRONMENT_STAMP
from nebulab.errors import InstallError
from nebulab.files import locked, read_json
from nebulab.stack import folders, frameworks, progress
from nebulab.stack.frameworks import TORCH_LOCK, Choice
from nebulab.stack.needs import NOTHING, Needs, require_room, share_to_download
from nebulab.stack.progress import Install
from nebulab.stack.settings import StackSettings
from nebulab.stack.uv import cache, call, sync, uv

_PACKAGED = (
    "src",
    "lab-extension/built",
    "lab-extension/settings",
    "examples/start",
    "examples/ct-segmentation",
    "examples/protein-structure",
    "examples/gallery",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)


@dataclass(frozen=True)
class Environment:
    """One environment: the name of its folder and its lock, whether it holds this package, what must lie in `bin`.

    `needs` is what it takes to install it; that of the kernels' goes by the frameworks that were chosen.
    """

    name: str
    holds_nebulab: bool
    programs: tuple[str, ...]
    needs: Needs = NOTHING


@dataclass(frozen=True)
class _Target:
    """The folder that an environment is installed into; `whole` where only this package in it is outdated."""

    environment: Environment
    folder: Path
    whole: bool


KERNELS = "kernels"
ENVIRONMENTS = (
    Environment("galaxy", False, ("python", "galaxy-web"), Needs(400, 1650)),
    Environment("lab", True, ("python", "jupyter-lab", "nebulab"), Needs(80, 310)),
    Environment(KERNELS, True, ("python", "nebulab")),
    Environment("portal", True, ("python", "nebulab"), Needs(25, 90)),
)
_CHECK_SECONDS = 20.0


def install_missing(
    settings: StackSettings, console: Console, *, reinstall: bool = False, names: Collection[str] = ()
) -> list[str]:
    """Install what is missing, outdated or broken, and return the names of the environments that were changed.

    `reinstall` makes all of them anew; with `names` only those are looked at. Where `settings` names frameworks, they
    are the kernels' from now on; else those that were named last.

    Raises
    ------
    InstallError
        The disk has no room, and nothing was changed; or uv could not install an environment: the end of its output
        is in the message.
    """
    wanted = [environment for environment in ENVIRONMENTS if not names or environment.name in names]
    choice = _chosen(settings)
    if not reinstall and not _outdated(settings, wanted, choice) and not _leftover(settings):
        frameworks.remember(settings.environments_dir, choice)
        return []
    with locked(settings.environments_dir / ".lock", wait=False) as free:
        if free:
            outdated = wanted if reinstall else _outdated(settings, wanted, choice)
            return _install(settings, console, outdated, choice, clear=reinstall)
    console.print("Another start is installing the environments; waiting for it.")
    with locked(settings.environments_dir / ".lock", wait=True):
        choice = _chosen(settings)
        return _install(settings, console, _outdated(settings, wanted, choice), choice, clear=False)


def _chosen(settings: StackSettings) -> Choice:
    """Return the choice that is asked for, with builds for the GPUs that are there; else that of the start before."""
    if settings.frameworks is None:
        return frameworks.remembered(settings.environments_dir)
    return frameworks.choose(settings.frameworks, newest_cuda() if settings.frameworks else None)


def newest_cuda() -> int | None:
    """Return the newest major version of CUDA that the driver knows, or None without a GPU for the locks' wheels."""
    look = asking.ask().answer(_CHECK_SECONDS)
    major = look.cuda.partition(".")[0]
    return int(major) if look.usable and major.isdecimal() and platform.machine() == "x86_64" else None


def _leftover(settings: StackSettings) -> bool:
    return bool(folders.unused(settings.environment(KERNELS)))


def _outdated(settings: StackSettings, wanted: Sequence[Environment], choice: Choice) -> list[Environment]:
    sources = _sources_hash(settings.checkout)
    found = []
    for environment in wanted:
        folder = settings.environment(environment.name)
        if not _intact(settings, environment, folder, choice) or (
            environment.holds_nebulab and _stamp(folder).get("nebulab") != sources
        ):
            found.append(environment)
    return found


def _intact(settings: StackSettings, environment: Environment, folder: Path, choice: Choice) -> bool:
    """Tell whether all packages of the locks were installed into `folder`, and none has gone since."""
    stamp = _stamp(folder)
    return (
        stamp.get("lock") == _lock_hash(settings, environment, choice)
        and stamp.get("python") == sys.version
        and stamp.get("packages") == _packages(folder)
        and all(os.access(folder / "bin" / program, os.X_OK) for program in environment.programs)
    )


def _install(
    settings: StackSettings, console: Console, environments: list[Environment], choice: Choice, clear: bool
) -> list[str]:
    names = [environment.name for environment in environments]
    targets = [_target(settings, environment, choice, clear) for environment in environments]
    # What was interrupted or is used by nobody makes room first, unless it is what is wanted now.
    _remove_unused(settings, {target.folder for target in targets if target.whole})
    _tell_needs(settings, console, targets, choice)
    # Before the install, which may be interrupted: the next start goes on with it.
    frameworks.remember(settings.environments_dir, choice)
    if targets:
        with (
            tempfile.TemporaryDirectory(dir=settings.environments_dir, prefix=".build-") as build,
            ThreadPoolExecutor(len(ENVIRONMENTS)) as pool,
        ):
            # The packages of the locks need minutes, this package's wheel a second: it is built beside them, once.
            wheel = pool.submit(_build_wheel, settings, Path(build))
            sources = _sources_hash(settings.checkout)
            console.print(f"Installing into {settings.environments_dir}: {', '.join(names)}")
            installs = [
                Install(
                    target.environment.name,
                    target.folder,
                    _locked_packages(settings, target.environment, choice),
                    pool.submit(_install_one, settings, target, choice, wheel, sources),
                )
                for target in targets
            ]
            progress.show(console, installs)
            for install in installs:
                install.future.result()
    _remove_unused(settings, ())
    return names


def _remove_unused(settings: StackSettings, kept: Collection[Path]) -> None:
    for folder in folders.unused(settings.environment(KERNELS)):
        if folder not in kept:
            folders.remove(folder)


def _target(settings: StackSettings, environment: Environment, choice: Choice, clear: bool) -> _Target:
    folder = settings.environment(environment.name)
    if not clear and _intact(settings, environment, folder, choice):
        return _Target(environment, folder, whole=True)
    if environment.name == KERNELS:
        folder = next(folders.free(folder, _lock_hash(settings, environment, choice)))
    return _Target(environment, folder, whole=not clear and _intact(settings, environment, folder, choice))


def _tell_needs(settings: StackSettings, console: Console, targets: Sequence[_Target], choice: Choice) -> None:
    """Say what the install takes, and refuse it where the disk has no room."""
    new = [target for target in targets if not target.whole]
    needs = NOTHING
    for target in new:
        needs += target.environment.needs
        if target.environment.name == KERNELS:
            packages = choice.packages
            needs += Needs(packages.download_mb, packages.disk_mb)
            titles = ", ".join(frameworks.TITLES[name] for name in packages.frameworks)
            told = f"Kernels get {titles}, built for {packages.built_for}. {packages.note}".rstrip()
            console.print(told, soft_wrap=True)
    if not needs.disk_mb:
        return
    resumable = "Interrupted, the next `./nebulab up` goes on: what is downloaded is not fetched again."
    console.print(f"To install: {needs}. {resumable}", soft_wrap=True)

    def missing() -> float:
        plans = [_plan(settings, target, choice) for target in new]
        return max(map(share_to_download, plans))

    require_room(needs, settings.environments_dir, cache(), missing)


def _plan(settings: StackSettings, target: _Target, choice: Choice) -> str:
    """Return what uv would do for an environment; that of this process has little of it, and counts as empty."""
    locks = _locks(settings, target.environment, choice)
    return sync(target.environment.name, Path(sys.executable), locks, "--dry-run")


def _install_one(settings: StackSettings, target: _Target, choice: Choice, wheel: Future[Path], sources: str) -> None:
    environment, folder = target.environment, target.folder
    (folder / ENVIRONMENT_STAMP).unlink(missing_ok=True)
    if not target.whole:
        _make(settings, target, choice)
    if environment.holds_nebulab:
        again = ("--no-deps", "--reinstall", "--link-mode", "copy")
        # Not by the link, whose path its commands would name: sessions see the folder alone.
        real = str(folder.resolve())
        uv(environment.name, "pip", "install", "--python", real, *again, str(wheel.result()))
        # uv would compile all that lies in the environment once more, not just this package.
        packages = [str(path) for path in folder.glob("lib/python*/site-packages/nebulab")]
        call(environment.name, "Python's compiler", str(folder / "bin" / "python"), "-m", "compileall", "-q", *packages)
    stamp = {
        "lock": _lock_hash(settings, environment, choice),
        "nebulab": sources if environment.holds_nebulab else None,
        "packages": _packages(folder),
        "python": sys.version,
    }
    if environment.name == KERNELS:
        stamp["set"] = choice.packages.name
    (folder / ENVIRONMENT_STAMP).write_text(json.dumps(stamp))
    if folder != settings.environment(environment.name):
        folders.put_in_place(settings.environment(environment.name), folder)


def _make(settings: StackSettings, target: _Target, choice: Choice) -> None:
    """Make the environment with all packages of its locks.

    Raises
    ------
    InstallError
        uv could not; of the kernels' environment the one before is still in place.
    """
    name, folder = target.environment.name, target.folder
    locks = _locks(settings, target.environment, choice)
    # By force: a kill in the first instant leaves a folder that is no environment yet, which uv would not touch.
    uv(name, "venv", "--clear", "--force", "--python", sys.executable, str(folder))
    # Held by uv as well, which lives on where this process is killed: nobody else then builds in its folder.
    held = folders.hold(folder)
    try:
        # Copies instead of uv's hard links: a file that is edited in one environment must not change in another.
        sync(name, folder, locks, "--compile-bytecode", "--link-mode", "copy", descriptors=(held,))
    except InstallError as error:
        if name != KERNELS or choice.packages == frameworks.BASE:
            raise
        hint = "A new start goes on here; `./nebulab up --frameworks none` goes back to the ordinary set."
        if any(lock.name == TORCH_LOCK for lock in locks):
            hint += (
                " PyTorch's build for processors is not on PyPI: it comes from PyTorch's own index, or from a folder of"
                " wheels that PIP_FIND_LINKS names."
            )
        raise InstallError(error.message, hint) from error
    finally:
        os.close(held)


def _locks(settings: StackSettings, environment: Environment, choice: Choice) -> list[Path]:
    names = choice.packages.locks if environment.name == KERNELS else (f"{environment.name}.txt",)
    return [settings.checkout / "requirements" / name for name in names]


def _build_wheel(settings: StackSettings, folder: Path) -> Path:
    uv("nebulab", "build", "--wheel", "--out-dir", str(folder), str(settings.checkout))
    return next(folder.glob("*.whl"))


def _stamp(folder: Path) -> dict[str, object]:
    return read_json(folder / ENVIRONMENT_STAMP)


def _packages(folder: Path) -> str:
    """Return a hash of the names of what is installed, so that a lost package is noticed at every start."""
    # Of nebulab itself the version is in the name, and bytecode comes and goes.
    names = sorted(name for name in folders.content(folder) if name != "__pycache__")
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _locked_packages(settings: StackSettings, environment: Environment, choice: Choice) -> int:
    locks = [path.read_text() for path in _locks(settings, environment, choice)]
    return sum(1 for lock in locks for line in lock.splitlines() if line[:1].isalnum())


def _lock_hash(settings: StackSettings, environment: Environment, choice: Choice) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in _locks(settings, environment, choice))).hexdigest()


def _sources_hash(checkout: Path) -> str:
    """Return a hash of all that goes into this package's wheel."""
    found = hashlib.sha256()
    for source in _PACKAGED:
        path = checkout / source
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                found.update(f"{file.relative_to(checkout)}\0".encode())
                found.update(file.read_bytes())
    return found.hexdigest()
