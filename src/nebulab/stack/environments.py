"""Installs the three Python environments from their locks with uv, and only what is missing; runs on one machine.

An environment carries a stamp which is removed before anything is changed and written after everything is there, so an
interrupted install is noticed and redone. A lock file lets several stacks share the environments.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from nebulab.errors import InstallError
from nebulab.files import locked, read_json
from nebulab.stack.settings import StackSettings

_STAMP = "nebulab-stamp.json"
_SOURCES = ("src", "lab-extension", "examples/start", "pyproject.toml", "README.md", "LICENSE")


@dataclass(frozen=True)
class Environment:
    """One environment: the name of its folder and its lock, whether it holds this package, what must lie in `bin`."""

    name: str
    holds_nebulab: bool
    programs: tuple[str, ...]


ENVIRONMENTS = (
    Environment("galaxy", False, ("python", "galaxy-web")),
    Environment("lab", True, ("python", "jupyter-lab", "nebulab")),
    Environment("kernels", True, ("python", "nebulab")),
)


def install_missing(
    settings: StackSettings, console: Console, *, reinstall: bool = False, names: Collection[str] = ()
) -> list[str]:
    """Install what is missing, outdated or broken, and return the names of the environments that were changed.

    `reinstall` makes all of them anew; with `names` only those are looked at.

    Raises
    ------
    InstallError
        uv could not install an environment; the end of its output is in the message.
    """
    wanted = [environment for environment in ENVIRONMENTS if not names or environment.name in names]
    if not reinstall and not _outdated(settings, wanted):
        return []
    with locked(settings.environments_dir / ".lock", wait=False) as free:
        if free:
            return _install(settings, console, wanted if reinstall else _outdated(settings, wanted), reinstall)
    console.print("Another start is installing the environments; waiting for it.")
    with locked(settings.environments_dir / ".lock", wait=True):
        return _install(settings, console, _outdated(settings, wanted), clear=False)


def _outdated(settings: StackSettings, wanted: Sequence[Environment]) -> list[Environment]:
    sources = _sources_hash(settings.checkout)
    return [
        environment
        for environment in wanted
        if not _intact(settings, environment)
        or (environment.holds_nebulab and _stamp(settings, environment).get("nebulab") != sources)
    ]


def _intact(settings: StackSettings, environment: Environment) -> bool:
    """Tell whether all packages of the lock were installed, and none has gone since."""
    folder = settings.environment(environment.name)
    stamp = _stamp(settings, environment)
    return (
        stamp.get("lock") == _lock_hash(settings, environment)
        and stamp.get("python") == sys.version
        and stamp.get("packages") == _packages(folder)
        and all(os.access(folder / "bin" / program, os.X_OK) for program in environment.programs)
    )


def _install(settings: StackSettings, console: Console, environments: list[Environment], clear: bool) -> list[str]:
    if not environments:
        return []
    with (
        tempfile.TemporaryDirectory(dir=settings.environments_dir, prefix=".build-") as build,
        ThreadPoolExecutor(len(ENVIRONMENTS)) as pool,
    ):
        # The packages of the locks need minutes, this package's wheel a second: it is built beside them, once.
        wheel = pool.submit(_build_wheel, settings, Path(build))
        sources = _sources_hash(settings.checkout)
        running = {
            environment: pool.submit(_install_one, settings, environment, wheel, sources, clear)
            for environment in environments
        }
        _show_progress(settings, console, running)
        for future in running.values():
            future.result()
    return [environment.name for environment in environments]


def _install_one(
    settings: StackSettings, environment: Environment, wheel: Future[Path], sources: str, clear: bool
) -> None:
    folder = settings.environment(environment.name)
    whole = not clear and _intact(settings, environment)
    (folder / _STAMP).unlink(missing_ok=True)
    if not whole:
        lock = settings.checkout / "requirements" / f"{environment.name}.txt"
        _uv(environment.name, "venv", "--clear", "--python", sys.executable, str(folder))
        # Copies instead of uv's hard links: a file that is edited in one environment must not change in another.
        options = ("--require-hashes", "--compile-bytecode", "--link-mode", "copy")
        _uv(environment.name, "pip", "sync", "--python", str(folder), *options, str(lock))
    if environment.holds_nebulab:
        again = ("--no-deps", "--reinstall", "--link-mode", "copy")
        _uv(environment.name, "pip", "install", "--python", str(folder), *again, str(wheel.result()))
        # uv would compile all that lies in the environment once more, not just this package.
        packages = [str(path) for path in folder.glob("lib/python*/site-packages/nebulab")]
        _call(
            environment.name, "Python's compiler", str(folder / "bin" / "python"), "-m", "compileall", "-q", *packages
        )
    stamp = {
        "lock": _lock_hash(settings, environment),
        "nebulab": sources if environment.holds_nebulab else None,
        "packages": _packages(folder),
        "python": sys.version,
    }
    (folder / _STAMP).write_text(json.dumps(stamp))


def _build_wheel(settings: StackSettings, folder: Path) -> Path:
    _uv("nebulab", "build", "--wheel", "--out-dir", str(folder), str(settings.checkout))
    return next(folder.glob("*.whl"))


def _uv(subject: str, *arguments: str) -> None:
    _call(subject, "uv", sys.executable, "-m", "uv", "--no-config", "--no-progress", *arguments)


def _call(subject: str, title: str, *command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    finished = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if finished.returncode:
        tail = "\n".join(finished.stdout.strip().splitlines()[-15:])
        raise InstallError(
            f"The environment of {subject} could not be installed. {title} says:\n{tail}",
            "Is the package index reachable, and room on the disk? `nebulab doctor` tells. A new start goes on here.",
        )


def _show_progress(settings: StackSettings, console: Console, running: dict[Environment, Future[None]]) -> None:
    """Show how many of the locked packages lie in each environment until all are installed."""
    console.print(f"Installing into {settings.environments_dir}: {', '.join(item.name for item in running)}")
    columns = (
        TextColumn("  {task.description:9}"),
        BarColumn(),
        TextColumn("{task.fields[step]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        tasks = {
            environment: progress.add_task(environment.name, total=_locked_packages(settings, environment), step="")
            for environment in running
        }
        while True:
            for environment, task in tasks.items():
                installed = sum(1 for name in _names(settings.environment(environment.name)) if name.endswith("-info"))
                step = (
                    "done" if running[environment].done() else f"{installed} packages" if installed else "downloading"
                )
                progress.update(task, completed=installed, step=step)
            if all(future.done() for future in running.values()):
                return
            time.sleep(0.3)


def _stamp(settings: StackSettings, environment: Environment) -> dict[str, object]:
    return read_json(settings.environment(environment.name) / _STAMP)


def _names(folder: Path) -> Iterator[str]:
    for packages in folder.glob("lib/python*/site-packages"):
        yield from (entry.name for entry in os.scandir(packages))


def _packages(folder: Path) -> str:
    """Return a hash of the names of what is installed, so that a lost package is noticed at every start."""
    # Of nebulab itself the version is in the name, and bytecode comes and goes.
    names = sorted(name for name in _names(folder) if name != "__pycache__")
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _locked_packages(settings: StackSettings, environment: Environment) -> int:
    lock = (settings.checkout / "requirements" / f"{environment.name}.txt").read_text()
    return sum(1 for line in lock.splitlines() if line[:1].isalnum())


def _lock_hash(settings: StackSettings, environment: Environment) -> str:
    return hashlib.sha256((settings.checkout / "requirements" / f"{environment.name}.txt").read_bytes()).hexdigest()


def _sources_hash(checkout: Path) -> str:
    """Return a hash of all that goes into this package's wheel."""
    found = hashlib.sha256()
    for source in _SOURCES:
        path = checkout / source
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                found.update(f"{file.relative_to(checkout)}\0".encode())
                found.update(file.read_bytes())
    return found.hexdigest()
