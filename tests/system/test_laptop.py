"""`nebulab lab` as a person on a laptop uses it: real environments, a real container, a stand-in for GPUs, a real
Galaxy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from support import nvml, run_lab_for
from support.containers import podman
from support.galaxy import GalaxyUser
from support.laptop import Laptop, command_lines_with
from support.parts import require
from support.session import run_in_kernel
from support.stack import ENVIRONMENTS, ROOT, Stack

pytestmark = pytest.mark.system

Start = Callable[..., Laptop]
OWNER = 4321
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start Labs on folders of the test's own; none is left."""
    started: list[Laptop] = []

    def begin(folder: str, *options: str, program: tuple[str, ...] = (), **variables: str) -> Laptop:
        (tmp_path / folder).mkdir(exist_ok=True)
        argv = [*(program or (str(ROOT / "nebulab"), "lab")), str(tmp_path / folder), *options]
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        own = {"NEBULAB_ENVIRONMENTS": str(ENVIRONMENTS), "NEBULAB_DATA_DIR": str(tmp_path / "data")}
        started.append(Laptop(argv, {**kept, **own, **variables}))
        return started[-1]

    yield begin
    for laptop in started:
        if laptop.process.poll() is None:
            laptop.process.terminate()
        laptop.ended()


def containers(folder: Path) -> list[str]:
    """The Labs' containers of folders below `folder`."""
    shown = podman("ps", "--all", "--format", '{{.Names}} {{index .Labels "org.nebulab.lab"}}')
    return [line.split()[0] for line in shown.splitlines() if str(folder) in line]


def test_without_a_container_a_kernel_computes_and_ctrl_c_leaves_nothing(start: Start, tmp_path: Path) -> None:
    require("sandbox")
    (tmp_path / "diary.txt").write_text("not for notebooks")
    laptop = start("analysis", "--no-container")
    stranger = httpx.get(laptop.address.partition("/nebulab/")[0] + "/lab")
    assert stranger.status_code == 403
    assert httpx.get(laptop.address, follow_redirects=True, timeout=60).status_code == 200
    with laptop.owner() as client:
        computed = run_in_kernel(client, "import numpy; open('made.txt', 'w').write(str(numpy.ones(6).sum()))")
        assert computed == ""
        seen = run_in_kernel(client, f"import os; print(os.path.exists({str(tmp_path / 'diary.txt')!r}))")
    assert (tmp_path / "analysis" / "made.txt").read_text() == "6.0"
    assert seen == "False\n"
    assert not command_lines_with(laptop.token)
    assert laptop.end(signal.SIGINT) == 0
    assert not command_lines_with(str(tmp_path))


def test_in_a_container_files_are_the_persons_and_two_folders_run_side_by_side(
    lab_image: str, start: Start, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        os.chown(tmp_path / name, OWNER, OWNER)
    options = ("--engine", "podman", "--image", lab_image, "--memory", "2g")
    first, second = start("first", *options), start("second", *options)
    assert first.address != second.address
    with first.owner() as client:
        run_in_kernel(client, "open('made.txt', 'w').write('here')")
    made = (tmp_path / "first" / "made.txt").stat()
    assert (made.st_uid, made.st_gid) == (OWNER, OWNER)
    with second.owner() as client:
        assert "made.txt" not in run_in_kernel(client, "import os; print(os.listdir())")
    running = containers(tmp_path)
    assert len(running) == 2
    inspected = podman("inspect", *running)
    assert '"ReadonlyRootfs": true' in inspected
    assert '"HostIp": "127.0.0.1"' in inspected
    for laptop in (first, second):
        assert laptop.token not in inspected
        assert not command_lines_with(laptop.token)
    # One by its person, the other as `docker stop` does.
    assert first.end(signal.SIGINT) == 0
    podman("stop", "--time", "30", *containers(tmp_path))
    assert second.ended() == 0
    assert containers(tmp_path) == []


def test_a_killed_lab_takes_its_container_with_it(lab_image: str, start: Start, tmp_path: Path) -> None:
    laptop = start("analysis", "--image", lab_image, "--engine", "podman")
    assert laptop.address
    assert containers(tmp_path)
    # What runs is the program behind ./nebulab, which became it.
    laptop.process.kill()
    deadline = time.monotonic() + 30
    while containers(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert containers(tmp_path) == []


def test_the_key_is_with_the_session_and_nowhere_else(lab_image: str, start: Start, tmp_path: Path) -> None:
    (tmp_path / "analysis").mkdir()
    program = (sys.executable, run_lab_for.__file__, lab_image)
    laptop = start("analysis", program=program, LOGIN=json.dumps(["https://galaxy.invalid", "me", KEY, "h1", "Cells"]))
    with laptop.owner() as client:
        seen = json.loads(run_in_kernel(client, "import json, os; print(json.dumps(dict(os.environ)))"))
    assert seen["HISTORY_ID"] == "h1"
    assert seen["API_KEY"] not in {"", KEY}
    assert KEY not in json.dumps(seen)
    (name,) = containers(tmp_path)
    assert KEY not in podman("inspect", name)
    assert not command_lines_with(KEY)
    environments = subprocess.run(
        ["podman", "exec", name, "sh", "-c", "cat /proc/[0-9]*/environ"], capture_output=True, text=True
    )
    assert KEY not in environments.stdout
    assert laptop.end(signal.SIGINT) == 0


def test_a_gpu_that_can_not_be_passed_is_told(lab_image: str, start: Start) -> None:
    laptop = start("analysis", "--image", lab_image, "--engine", "podman", **nvml.variables(gpus=1))
    assert laptop.address
    assert "can't be handed to a container of podman" in laptop.said
    assert "nvidia-ctk cdi generate" in laptop.said
    assert "GPU: none" in laptop.said
    assert laptop.end(signal.SIGINT) == 0


@pytest.fixture
def toolkit() -> Iterator[None]:
    """What NVIDIA's toolkit leaves for podman, with the stand-in in place of the driver's library."""
    if os.geteuid() != 0:
        pytest.skip("only root may list a device")
    inside = "/stand-in/libnvidia-ml.so.1"
    state = {**nvml.variables(gpus=2), "LD_LIBRARY_PATH": str(Path(inside).parent)}
    mount = {"hostPath": str(nvml.library() / Path(inside).name), "containerPath": inside, "options": ["ro", "bind"]}
    edits = {"env": [f"{name}={value}" for name, value in state.items()], "mounts": [mount]}
    listed = {"cdiVersion": "0.3.0", "kind": "nvidia.com/gpu", "devices": [{"name": "all", "containerEdits": edits}]}
    file = Path("/run/cdi/nebulab-test.json")
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(listed))
    yield
    file.unlink()


def test_gpus_are_passed_where_the_toolkit_is(lab_image: str, toolkit: None, start: Start) -> None:
    options = ("--image", lab_image, "--engine", "podman")
    laptop = start("analysis", *options, **nvml.variables(gpus=2))
    assert laptop.address
    assert "GPU: Stand-in T4, 16.0 GiB; Stand-in T4" in laptop.said, laptop.said
    assert "can't be handed" not in laptop.said
    assert laptop.end(signal.SIGINT) == 0
    without = start("analysis", *options, "--gpus", "none", **nvml.variables(gpus=2))
    assert without.address
    assert "GPU: none" in without.said
    assert without.end(signal.SIGINT) == 0


def test_with_a_galaxy_notebooks_have_its_history(stack: Stack, galaxy: GalaxyUser, start: Start) -> None:
    history = galaxy.new_history("On my laptop")
    laptop = start("analysis", "--galaxy", stack.url, "--history", history, API_KEY=stack.user.key)
    with laptop.owner() as client:
        said = run_in_kernel(
            client,
            "open('made.txt', 'w').write('of the laptop')\nhistory.put('made.txt').wait()\nprint(open(get(1)).read())",
        )
    assert "of the laptop" in said
    assert "is on this machine's loopback" in laptop.said
    assert stack.user.key not in laptop.said
    assert not command_lines_with(stack.user.key)
    listed = httpx.get(f"{stack.url}/api/histories/{history}/contents", headers={"x-api-key": stack.user.key}).json()
    assert [one["name"] for one in listed] == ["made.txt"]
    assert laptop.end(signal.SIGINT) == 0


def test_a_wrong_key_is_told(stack: Stack, start: Start) -> None:
    laptop = start("analysis", "--no-container", "--galaxy", stack.url, API_KEY="0" * 32)
    assert laptop.ended() == 1
    assert "does not know this API key" in laptop.said
    assert "API_KEY" in laptop.said
