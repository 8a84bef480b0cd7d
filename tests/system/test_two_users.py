"""Two sessions of two users on one machine: each tries to see the other by all that a kernel can do without rights.

In the sandbox, in sealed containers, and as Apptainer lays a container out.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from support import apptainer, marked, spy
from support.galaxy import GalaxyUser, wait_for
from support.session import Kernel, Session
from support.stack import Stack

pytestmark = pytest.mark.system

SECONDS = 8
LONGEST = 300


@dataclass
class Two:
    """Two sessions, and folders of the machine where files of theirs lie."""

    clients: tuple[httpx.Client, httpx.Client]
    folders: list[str]


@contextlib.contextmanager
def _on(stack: Stack, keys: tuple[str, str]) -> Iterator[Two]:
    with contextlib.ExitStack() as open_ones:
        clients = []
        for key in keys:
            user = GalaxyUser(stack.url, key)
            _, point = user.start_session(user.new_history("two users"))
            open_ones.callback(user.stop_session, point["id"])
            client = open_ones.enter_context(Session(stack, point["target"]).owner())
            clients.append(client)
            # Galaxy knows the port before JupyterLab answers there.
            wait_for("JupyterLab", lambda: clients[-1].get("/api/status").status_code == 200, 60)
        yield Two((clients[0], clients[1]), [str(stack.data_dir)])


@pytest.fixture(scope="module")
def sandboxed(stack: Stack) -> Iterator[Two]:
    with _on(stack, (stack.user.key, stack.other.key)) as two:
        yield two


@pytest.fixture(scope="module")
def contained(lab_image: str, new_stack: Callable[..., Stack]) -> Iterator[Two]:
    stack = new_stack("--isolation", "container", "--image", lab_image)
    with _on(stack, (stack.user.key, stack.admin.key)) as two:
        yield two


@pytest.fixture(scope="module")
def as_apptainer(apptainer_root: Path) -> Iterator[Two]:
    """Two people's Labs; both are the same number of the machine's, which is harder than two people's."""
    top = apptainer_root.parent
    with contextlib.ExitStack() as open_ones:
        clients = []
        for name in ("one", "other"):
            folder = top / name
            folder.mkdir()
            os.chown(folder, apptainer.USER, apptainer.USER)
            lab = open_ones.enter_context(apptainer.Lab(apptainer_root, folder))
            clients.append(open_ones.enter_context(lab.owner()))
        yield Two((clients[0], clients[1]), [str(top / "one"), str(top / "other"), str(top / "scratch")])


def _carrying(mark: str) -> list[int]:
    """The machine's numbers of the processes whose environment has the mark."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if mark in process.environ().values():
                found.append(process.pid)
    return found


@pytest.mark.parametrize("kind", ["sandboxed", "contained", "as_apptainer"])
@pytest.mark.parametrize("first", [0, 1])
def test_neither_sees_the_other(kind: str, first: int, request: pytest.FixtureRequest) -> None:
    two: Two = request.getfixturevalue(kind)
    mark = f"nebulab{secrets.token_hex(12)}"
    strangers = set(spy.unix_sockets(set()))
    source = Path(spy.__file__).read_text()
    with Kernel(two.clients[first]) as seen, Kernel(two.clients[1 - first]) as looking:
        assert "marked" in seen.run(marked.EVERYWHERE.format(mark=mark))
        assert seen.open_debugger()
        pids = _carrying(mark)
        assert pids
        seen.begin(marked.SAY.format(mark=mark, seconds=LONGEST))
        arguments = ["spy", mark, str(SECONDS), json.dumps(pids), *two.folders]
        # Before it stands what ipykernel says of a visitor at its own port.
        said = looking.run(f"import sys\nsys.argv = {arguments!r}\n{source}")
        found = json.loads(said.splitlines()[-1])
        assert seen.state == "busy", "it was silent before the other had looked"
    assert found.pop("ports") >= 1
    assert set(found.pop("unix sockets")) - strangers == set()
    assert found == {
        "heard": False,
        "shown at": [],
        "debugged": [],
        "processes": [],
        "reached": [],
        "files": [],
        "shared": [],
    }


def test_who_looks_would_find(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without walls all of it is seen."""
    monkeypatch.setattr(spy, "PLACES", ("/tmp", "/var/tmp", "/dev/shm"))
    mark = f"nebulab{secrets.token_hex(12)}"
    here: dict[str, object] = {}
    exec(marked.EVERYWHERE.format(mark=mark).replace('"."', '"/tmp"').replace('"outputs"', '"/tmp"'), here)
    child = here["child"]
    try:
        found = spy.spy(mark, 0, [child.pid], [])  # type: ignore[attr-defined]
    finally:
        child.kill()  # type: ignore[attr-defined]
        child.wait()  # type: ignore[attr-defined]
        del os.environ["MARK"]
        for place in ("/tmp", "/var/tmp", "/dev/shm"):
            Path(place, mark).unlink(missing_ok=True)
    assert found["processes"]
    assert {one.partition(" ")[0] for one in found["reached"]} == {"signal", "ptrace", "pidfd"}
    assert {str(Path(one).parent) for one in found["files"]} >= {"/tmp", "/var/tmp", "/dev/shm"}
    assert "shared memory 42" in found["shared"]
