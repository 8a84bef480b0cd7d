"""A real Galaxy for the system tests: one stack for all of them, one user's hands on it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from nebulab.develop.tests import STACK as RUNNING
from nebulab.kernel import connecting
from nebulab.kernel.histories import History
from nebulab.stack.environments import install_missing
from nebulab.stack.settings import read_settings
from support import apptainer, containers
from support.galaxy import GalaxyUser
from support.parts import require
from support.stack import ENVIRONMENTS, Account, Stack


def new_account(stack: Stack, name: str) -> Account:
    """Have the administrator make an account."""
    name = f"{name}-{secrets.token_hex(4)}"
    password = secrets.token_urlsafe(12)
    with httpx.Client(base_url=stack.url, headers={"x-api-key": stack.admin.key}, timeout=60) as client:
        created = client.post(
            "/api/users", json={"username": name, "email": f"{name}@example.org", "password": password}
        )
        key = client.post(f"/api/users/{created.raise_for_status().json()['id']}/api_key").json()
    return Account(f"{name}@example.org", password, key)


def _adopt(stack: Stack) -> Stack:
    """Learn the addresses and the accounts of a stack that runs."""
    stack.url = stack.part("galaxy")["address"]
    stack.proxy_url = stack.part("proxy")["address"]
    kept = json.loads((stack.data_dir / "secrets.json").read_text())
    stack.admin = Account(**{field: kept["admin"][field] for field in ("email", "password", "key")})
    stack.user = Account(**{field: kept["user"][field] for field in ("email", "password", "key")})
    return stack


@pytest.fixture(scope="session")
def lasting_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    """Start stacks for several files; they are taken down at the end of all tests."""
    with _stacks(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="module")
def new_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    """Start stacks of a file's own; they are taken down at its end, since each costs the others time and memory."""
    with _stacks(tmp_path_factory) as start:
        yield start


@contextlib.contextmanager
def _stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    started: list[Stack] = []

    def start(*arguments: str, restored: Path | None = None) -> Stack:
        stack = Stack(tmp_path_factory.mktemp("stack") / "data")
        started.append(stack)
        if restored is not None:
            stack.nebulab("restore", str(restored))
        stack.nebulab("up", "--detach", *arguments)
        return _adopt(stack)

    try:
        yield start
    finally:
        for stack in started:
            stack.nebulab("down", check=False)
            shutil.rmtree(stack.data_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def installed() -> None:
    """The Lab's and the kernels' environments, with this package as it is now: for what needs no Galaxy."""
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    settings = read_settings({"environments_dir": ENVIRONMENTS})
    install_missing(settings, Console(), names=("lab", "kernels"))


@pytest.fixture(scope="session")
def stack(lasting_stack: Callable[..., Stack]) -> Stack:
    """The stack that most system tests share: an administrator, a user and another user.

    NEBULAB_TEST_STACK=<data folder> takes one that runs already, which saves a developer its start.
    """
    running = RUNNING.read(os.environ)
    stack = _adopt(Stack(Path(running))) if running else lasting_stack("--clone-schemes", "https,ssh,http")
    stack.other = new_account(stack, "other")
    return stack


@pytest.fixture
def doomed(doomed_once: Stack) -> Stack:
    """A stack whose Galaxy a test may kill, or take down: it is started again for the next."""
    doomed_once.nebulab("up", "--detach")
    return _adopt(doomed_once)


@pytest.fixture(scope="module")
def doomed_once(new_stack: Callable[..., Stack], request: pytest.FixtureRequest) -> Stack:
    """The stack of `doomed`: what other tests left behind dies with none that they share."""
    return request.getfixturevalue("stack") if RUNNING.read(os.environ) else new_stack()


@pytest.fixture(scope="session")
def lab_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The container image `lab`; every test that runs it shares one."""
    with containers.lab_image(tmp_path_factory.mktemp("podman")) as tag:
        yield tag


@pytest.fixture(scope="session")
def apptainer_root(lab_image: str) -> Iterator[Path]:
    """The image's root as Apptainer unpacks it; the program and the session's state lie beside it."""
    require("sandbox")
    # Not pytest's folder: nobody but root may look into that one.
    top = Path(tempfile.mkdtemp(prefix="nebulab-apptainer-"))
    top.chmod(0o755)
    try:
        for name in ("root", "bin", "state", "scratch", "folder"):
            (top / name).mkdir()
        apptainer.unpack(lab_image, apptainer.DEPLOY / "nebulab.def", top / "root")
        apptainer.install(top / "bin")
        for name in ("state", "folder"):
            os.chown(top / name, apptainer.USER, apptainer.USER)
        yield top / "root"
    finally:
        shutil.rmtree(top)


@pytest.fixture
def person(stack: Stack) -> Account:
    """Somebody new, with an empty history and no session."""
    return new_account(stack, "person")


@pytest.fixture
def galaxy(stack: Stack) -> GalaxyUser:
    """The user's hands on the shared Galaxy."""
    return GalaxyUser(stack.url, stack.user.key, stack.data_dir / "logs" / "galaxy.log")


@pytest.fixture
def enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[GalaxyUser, str], History]]:
    """Give this process what a session's kernel has: a folder of its own, and `history`."""
    monkeypatch.chdir(tmp_path)

    def into(galaxy: GalaxyUser, history: str) -> History:
        for name, value in {
            "GALAXY_URL": galaxy.url,
            "API_KEY": galaxy.key,
            "HISTORY_ID": history,
            "NEBULAB_CACHE": str(tmp_path / "cache"),
        }.items():
            monkeypatch.setenv(name, value)
        return History()

    yield into
    for opened in connecting._opened.values():
        opened.close()
    connecting._opened.clear()


@pytest.fixture
def history(galaxy: GalaxyUser, request: pytest.FixtureRequest) -> str:
    """A new history of the user's, named after the test."""
    return galaxy.new_history(request.node.name)
