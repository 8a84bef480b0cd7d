"""The checks of `nebulab doctor`, each with the cost of what is missing; runs in a terminal."""

from __future__ import annotations

import asyncio
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from nebulab import seccomp
from nebulab.accelerators import asking
from nebulab.errors import InstallError, SettingsError
from nebulab.files import read_json, this_user
from nebulab.stack import frameworks, isolation, system_user
from nebulab.stack.embedded import worker
from nebulab.stack.proxy import gx_it_proxy
from nebulab.stack.running import ports, state
from nebulab.stack.settings import StackSettings

_GIB = 2**30
_ENVIRONMENTS_GIB = 6
_DATA_GIB = 5
_MEMORY_GIB = 4
_PROBE_SECONDS = 20


@dataclass(frozen=True)
class Check:
    """The result of one check.

    `good` is None where something is missing that the stack can do without; `costs` says what does not work then.
    """

    name: str
    good: bool | None
    found: str
    costs: str = ""


def run(settings: StackSettings) -> list[Check]:
    """Run all checks, and return their results."""
    checks: tuple[Callable[[StackSettings], Check], ...] = (
        # The first, since the others are then made as this user.
        _system_user,
        _python,
        _uv,
        _registry,
        _disk,
        _memory,
        _ports,
        _worker,
        _portal,
        _bubblewrap,
        _seccomp,
        _gpu,
        _frameworks,
        _node,
        _compiler,
        _git,
    )
    return [check(settings) for check in checks] + [_engine(name) for name in ("docker", "podman")]


def _system_user(settings: StackSettings) -> Check:
    costs = "a fault of Galaxy's, or of a tool of yours, has root's rights"
    try:
        choice = system_user.choose(settings)
    except SettingsError as error:
        return Check("system user", False, f"{error.message} {error.hint}", "the stack does not start")
    if choice.user is not None:
        system_user.become(choice.user, settings.data_dir)
    if choice.user is not None or not choice.explanation:
        return Check("system user", True, f"Galaxy and sessions run as {this_user()}")
    return Check("system user", None, f"Galaxy and sessions run as {choice.sentence}", costs)


def _python(settings: StackSettings) -> Check:
    return Check("Python", True, f"{platform.python_version()} ({sys.executable})")


def _uv(settings: StackSettings) -> Check:
    output = _output(sys.executable, "-m", "uv", "--version")
    return Check("uv", output is not None, output or "missing", "no environment can be installed")


def _registry(settings: StackSettings) -> Check:
    output = _output(
        *(sys.executable, "-m", "uv", "--no-config", "pip", "install", "--dry-run", "--no-deps", "--reinstall"),
        *("--refresh", "--python", sys.executable, "click"),
    )
    found = "reachable" if output is not None else "not reachable"
    costs = "environments can't be installed or renewed; those that are there work"
    return Check("package index", output is not None, found, costs)


def _disk(settings: StackSettings) -> Check:
    installed = settings.environment("kernels").exists()
    wanted = _DATA_GIB + (0 if installed else _ENVIRONMENTS_GIB)
    folder = _existing(settings.data_dir)
    free = shutil.disk_usage(folder).free
    found = f"{free / _GIB:.0f} GiB free at {folder}, {wanted} wanted"
    return Check("disk", free >= wanted * _GIB, found, "installing fails, or uploads and outputs do")


def _memory(settings: StackSettings) -> Check:
    free = psutil.virtual_memory().available
    found = f"{free / _GIB:.1f} GiB available, {_MEMORY_GIB} wanted"
    return Check("memory", free >= _MEMORY_GIB * _GIB, found, "Galaxy alone needs 1.2 GiB; kernels may be killed")


def _ports(settings: StackSettings) -> Check:
    if state.is_locked(settings.data_dir):
        return Check("ports", True, "in use by the running stack")
    kept = [port for port in read_json(settings.data_dir / "ports.json").values() if isinstance(port, int)]
    taken = [str(port) for port in kept if not ports.is_free(port)]
    found = f"taken: {', '.join(taken)}" if taken else "free"
    return Check("ports", None if taken else True, found, "the next start chooses others, bookmarks break")


def _worker(settings: StackSettings) -> Check:
    costs = "an upload, or the end of a job, takes ten seconds in place of one"
    if not state.is_locked(settings.data_dir):
        return Check("worker", True, "starts with the stack")
    running = state.read(settings.data_dir)
    if running is not None and not any(part.name == "worker" for part in running.parts):
        return Check("worker", None, "the stack was started with --no-worker", costs)
    works = asyncio.run(worker.answers(settings.worker_dir))
    found = "answers" if works else f"does not answer; {settings.log('worker')} may tell why"
    return Check("worker", True if works else None, found, costs)


def _portal(settings: StackSettings) -> Check:
    costs = "nobody can apply for access, or be given it"
    if not state.is_locked(settings.data_dir):
        return Check("access portal", True, "starts with the stack")
    running = state.read(settings.data_dir)
    found = next((part for part in running.parts if part.name == "portal"), None) if running is not None else None
    if found is not None and found.state == "running":
        return Check("access portal", True, f"answers at {found.address}")
    log = settings.log("portal")
    return Check("access portal", None, f"does not answer yet; {log} may tell why", costs)


def _bubblewrap(settings: StackSettings) -> Check:
    reasons = []
    for program in isolation.candidates():
        reason = isolation.why_not(program)
        if reason is None:
            return Check("bubblewrap", True, f"works ({program})")
        reasons.append(f"{program}: {reason}")
    return Check("bubblewrap", None, "; ".join(reasons) or "missing", "a session may do all that you may")


def _seccomp(settings: StackSettings) -> Check:
    missing = seccomp.why_not()
    costs = "notebooks in bubblewrap may make every system call"
    return Check("seccomp", None if missing else True, missing or "sessions in bubblewrap get a filter", costs)


def _gpu(settings: StackSettings) -> Check:
    seen = asking.ask().seen(_PROBE_SECONDS)
    if seen.look.usable and not seen.serious:
        return Check("GPU and driver", True, f"{seen.look.names}; driver {seen.look.driver}")
    found = " ".join(finding.text for finding in seen.findings)
    remedy = " ".join(finding.remedy for finding in seen.findings)
    return Check("GPU and driver", None, found, remedy)


def _frameworks(settings: StackSettings) -> Check:
    environment = settings.environment("kernels")
    if not environment.exists():
        return Check("frameworks", True, "come with the first `nebulab up`")
    missing = [title for name, title in frameworks.TITLES.items() if name not in frameworks.installed(environment)]
    costs = f"notebooks can't import {' and '.join(missing)} (in containers: what the image has)"
    return Check(
        "frameworks", None if missing else True, frameworks.described(environment, settings.typed("up")), costs
    )


def _node(settings: StackSettings) -> Check:
    try:
        program: str | Path = gx_it_proxy.find_node(settings).program
    except InstallError:
        return Check(
            "node", None, "comes with Galaxy's environment, which is not installed", "no `--proxy gx-it-proxy`"
        )
    output = _output(str(program), "--version")
    return Check("node", True if output else None, output or "does not run", "no `--proxy gx-it-proxy`")


def _compiler(settings: StackSettings) -> Check:
    missing = [program for program in ("g++", "make") if shutil.which(program) is None]
    found = f"missing: {', '.join(missing)}" if missing else "g++ and make"
    return Check("C++ compiler", None if missing else True, found, "gx-it-proxy can't be installed")


def _git(settings: StackSettings) -> Check:
    output = _output("git", "--version")
    return Check("git", True if output else None, output or "missing", "no sessions on a Git repository")


def _engine(name: str) -> Check:
    if shutil.which(name) is None:
        return Check(name, None, "missing", "no sessions in containers; bubblewrap does without")
    works = _output(name, "info") is not None
    found = "works" if works else "installed, its service does not answer"
    return Check(name, True if works else None, found, "no sessions in containers; bubblewrap does without")


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _output(*command: str) -> str | None:
    """Return the output of a program, or None if it is not there, fails or hangs."""
    try:
        finished = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return finished.stdout.strip() if finished.returncode == 0 else None
