"""Kernels that are forked: the same as ordinary ones in all that a notebook or its user could see, and quicker."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_client import AsyncKernelManager
from jupyter_client.provisioning import KernelProvisionerFactory

from nebulab.kernel import zygote as inside
from nebulab.linux import descendants
from nebulab.session.kernels import forking, overlay
from nebulab.session.kernels.adopted import Forked
from nebulab.session.kernels.names import KERNEL, PROVISIONER
from nebulab.session.limits import memory

pytestmark = pytest.mark.system

SECONDS = 60
# All that a program could notice of how it was started; names of files and ports aside.
SEEN = """
import ctypes, json, os, resource, signal, sys
blocked = [line for line in open("/proc/self/status") if line.startswith(("SigBlk", "SigIgn", "Umask", "Nice"))]
said = json.dumps({
    "environment": {name: value for name, value in os.environ.items()},
    "folder": os.getcwd(),
    "command": [one for one in open("/proc/self/cmdline").read().rstrip("\\0").split("\\0") if "json" not in one],
    "arguments": [one for one in sys.argv if "json" not in one],
    "original": [one for one in sys.orig_argv if "json" not in one],
    "path": sys.path, "prefix": sys.prefix, "executable": sys.executable, "flags": list(sys.flags),
    "name": __name__, "main": sys.modules["__main__"].__dict__ is globals(),
    "leads": [os.getpid() == os.getsid(0), os.getpid() == os.getpgid(0)],
    "parent": os.getppid(), "limits": resource.getrlimit(resource.RLIMIT_NOFILE), "signals": blocked,
    "interrupts": str(signal.getsignal(signal.SIGINT)), "input": sys.stdin is not None and os.read(0, 1).decode(),
    "names": [name in globals() for name in ("history", "get", "put", "HISTORY_ID")],
    "encoding": [sys.stdout.encoding, sys.getfilesystemencoding()],
    "files": sorted({os.readlink(f"/proc/self/fd/{n}").partition(":")[0] for n in range(3)} - {"pipe", "/dev/null"}),
})
"""


async def soon(what: str, happens: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        found = happens()
        if await found if isinstance(found, Awaitable) else found:
            return
        assert time.monotonic() < deadline, f"waited {SECONDS} s in vain for {what}"
        await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Kernel:
    """A kernel started as JupyterLab does it."""

    def __init__(self, folder: Path, **variables: str) -> None:
        file = Path(os.environ["JUPYTER_RUNTIME_DIR"]) / f"kernel-{uuid.uuid4()}.json"
        self.manager = AsyncKernelManager(kernel_name=KERNEL, connection_file=str(file))
        self.folder = folder
        self.variables = variables

    async def __aenter__(self) -> Kernel:
        environment = {**os.environ, "JPY_SESSION_NAME": "mine.ipynb", **self.variables}
        await self.manager.start_kernel(cwd=str(self.folder), env=environment)
        self.client = self.manager.client()
        # Its heartbeat's thread may make a socket when the client is closed already, and fails then.
        self.client.start_channels(hb=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.client.stop_channels()
        await self.manager.shutdown_kernel(now=True)

    @property
    def forked(self) -> bool:
        return isinstance(self.manager.provisioner.process, Forked)

    @property
    def pid(self) -> int:
        return int(self.manager.provisioner.pid)

    async def run(self, code: str) -> str:
        """Run code and return what it has left as `said`, or the name of what it raised.

        On one channel: what a kernel prints is lost to a client that has not quite subscribed yet.
        """
        asked = self.client.execute(code, user_expressions={"said": "str(said)"})
        while True:
            reply = await self.client.get_shell_msg(timeout=SECONDS)
            if reply["parent_header"]["msg_id"] != asked:
                continue
            content = reply["content"]
            if content["status"] == "error":
                return str(content["ename"])
            return str(ast.literal_eval(content["user_expressions"]["said"]["data"]["text/plain"]))

    async def ended(self) -> int:
        await soon("the kernel's end", lambda: self.manager.provisioner.process.poll() is not None)
        return int(self.manager.provisioner.process.poll())


class Session:
    """What JupyterLab's process has, with an overlay in a folder."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.work.mkdir()
        self.python = overlay.create(folder / "overlay", Path(sys.prefix))
        self.packages = next((folder / "overlay").glob("lib/python3.*/site-packages"))
        self.zygote: forking.Zygote | None = None

    async def begin(self, *, ready: bool = True) -> forking.Zygote:
        forking._kernel_was_started = False
        self.zygote = forking.begin(str(self.python), os.environ)
        if ready:
            await soon("the zygote", self.zygote.is_ready)
        return self.zygote

    def kernel(self, **variables: str) -> Kernel:
        return Kernel(self.work, **variables)


@pytest.fixture
async def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    session = Session(tmp_path)
    (tmp_path / "runtime").mkdir()
    monkeypatch.setenv("JUPYTER_PATH", str(overlay.kernelspec(tmp_path / "specs", session.python)))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("HISTORY_ID", "h1")
    monkeypatch.setattr(KernelProvisionerFactory.instance(), "default_provisioner_name", PROVISIONER)
    monkeypatch.setattr(forking, "_zygote", None)
    monkeypatch.setattr(forking, "_kernel_was_started", False)
    monkeypatch.setattr(forking, "_PAUSE_SECONDS", 0.1)
    yield session
    if session.zygote is not None:
        session.zygote.close()


async def test_a_forked_kernel_is_what_an_ordinary_one_is(session: Session) -> None:
    seen = []
    for way in (False, True):
        async with session.kernel() as kernel:
            assert kernel.forked is way
            seen.append(json.loads(await kernel.run(SEEN)))
            # The debugger starts with a kernel, and has its own ideas of threads.
            kernel.client.control_channel.send(
                kernel.client.session.msg("debug_request", {"type": "request", "command": "debugInfo", "seq": 1})
            )
            assert (await kernel.client.get_control_msg(timeout=SECONDS))["content"]["success"]
            kernel.client.stop_channels()
            await kernel.manager.shutdown_kernel()  # as it is asked to, and not killed
        if not way:
            await session.begin()
    for what, value in seen[0].items():
        assert seen[1][what] == value, what
    assert seen[1]["environment"]["JPY_SESSION_NAME"] == "mine.ipynb"
    assert seen[1]["folder"] == str(session.work)
    assert seen[1]["parent"] == os.getpid()
    assert all(seen[1]["names"])


async def test_a_forked_kernel_is_interrupted_restarted_and_told_dead(session: Session) -> None:
    zygote = await session.begin()
    async with session.kernel() as kernel:
        first = kernel.pid
        busy = asyncio.create_task(kernel.run("open('up', 'w').close()\nwhile True: pass"))
        await soon("the loop", (session.work / "up").exists)
        await kernel.manager.interrupt_kernel()
        assert await busy == "KeyboardInterrupt"
        await kernel.manager.restart_kernel(now=True)
        assert kernel.forked
        assert kernel.pid != first
        assert not alive(first)
        assert await kernel.run("said = 'again'") == "again"
        # What it was forked from may end.
        zygote.stop()
        kernel.client.execute("import os; os._exit(3)")
        assert await kernel.ended() == 3
        assert not await kernel.manager.is_alive()


async def test_a_hungry_kernel_is_found_and_ended(session: Session) -> None:
    await session.begin()
    async with session.kernel() as hungry, session.kernel() as modest:
        assert hungry.forked
        assert modest.forked
        assert await hungry.run("held = b'x' * 100_000_000; said = len(held)") == "100000000"
        largest = memory.largest(os.getpid())
        assert largest is not None
        assert (largest[0].pid, largest[0].is_kernel) == (hungry.pid, True)
        memory.kill(largest[0])
        assert await hungry.ended() == -signal.SIGKILL
        assert await modest.run("said = 1") == "1"


async def test_what_the_user_installs_is_in_the_next_kernel(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts in the ordinary way, and those after it are forked again."""
    mine = session.packages / "mine.py"
    mine.write_text("version = 1")
    monkeypatch.setenv("NEBULAB_PRELOAD", "mine")
    zygote = await session.begin()
    say = "import mine; said = mine.version"
    async with session.kernel() as kernel:
        assert (kernel.forked, await kernel.run(say)) == (True, "1")
    before = zygote.pid
    mine.write_text("version = 22")  # in place: the folder does not change
    async with session.kernel() as kernel:
        assert (kernel.forked, await kernel.run(say)) == (False, "22")
    await soon("a fresh zygote", lambda: zygote.pid not in {None, before})
    await soon("the zygote", zygote.is_ready)
    async with session.kernel() as kernel:
        assert (kernel.forked, await kernel.run(say)) == (True, "22")
    (session.packages / "another.py").write_text("")
    async with session.kernel() as kernel:
        assert (kernel.forked, await kernel.run("import another; said = 1")) == (False, "1")


@pytest.mark.parametrize("forked", [True, False])
async def test_a_kernel_listens_when_its_start_returns(session: Session, forked: bool) -> None:
    """JupyterLab connects at once, and would lose half a second where nobody is there yet."""
    if forked:
        await session.begin()
    async with session.kernel() as kernel:
        assert kernel.forked is forked
        with socket.create_connection(("127.0.0.1", kernel.manager.iopub_port), timeout=5):
            pass


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("raise SystemExit", "it has ended"),
        (
            "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
            "broken can't be",
        ),
    ],
    ids=["ends", "starts a thread"],
)
async def test_a_package_that_is_broken_breaks_no_kernel(
    session: Session, monkeypatch: pytest.MonkeyPatch, content: str, told: str
) -> None:
    (session.packages / "broken.py").write_text(content)
    monkeypatch.setenv("NEBULAB_PRELOAD", "broken")
    zygote = await session.begin(ready=False)
    with pytest.raises((OSError, ValueError), match=told):
        await soon("the zygote", zygote.is_ready)
    async with session.kernel() as kernel:
        assert (kernel.forked, await kernel.run("said = 1")) == (False, "1")


async def test_what_can_not_be_forked_is_started(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another environment, which Python reads at its start; a zygote that does not answer, which is not waited for."""
    zygote = await session.begin()
    async with session.kernel(PYTHONOPTIMIZE="2") as kernel:
        assert (kernel.forked, await kernel.run("import sys; said = sys.flags.optimize")) == (False, "2")
    assert zygote.pid is not None
    monkeypatch.setattr(forking, "_ANSWER_SECONDS", 0.2)
    os.kill(zygote.pid, signal.SIGSTOP)
    async with session.kernel() as kernel:
        assert (kernel.forked, await kernel.run("said = 1")) == (False, "1")


async def test_the_kernel_for_keras_2_is_forked_and_has_its_variable(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    await session.begin()
    code = "import os; said = os.environ.get('TF_USE_LEGACY_KERAS')"
    for value in ("1", "0"):
        async with session.kernel(TF_USE_LEGACY_KERAS=value) as kernel:
            assert kernel.forked
            assert await kernel.run(code) == value
    async with session.kernel() as kernel:
        assert kernel.forked
        assert await kernel.run(code) == "None"


async def test_kernels_have_random_numbers_of_their_own(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy draws a seed at its import; its OpenBLAS starts threads there, and ends them before a fork."""
    monkeypatch.setenv("NEBULAB_PRELOAD", "numpy missing")
    await session.begin()
    product = "int(np.ones((300, 300)).dot([1] * 300)[0])"
    draw = f"import random, numpy as np; said = np.random.rand(), random.random(), {product}"
    drawn = []
    for _ in range(2):
        async with session.kernel() as kernel:
            assert kernel.forked
            drawn.append((await kernel.run(draw)).strip("()").split(", "))
    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] != drawn[1][1]
    assert drawn[0][2] == drawn[1][2] == "300"


async def test_whoever_is_quicker_than_the_zygote_gets_it_with_the_next_kernel(session: Session) -> None:
    async with session.kernel() as kernel:
        assert not kernel.forked
        session.zygote = zygote = forking.begin(str(session.python), os.environ)
        assert zygote.pid is None
        await kernel.manager.restart_kernel(now=True)
        assert not kernel.forked
        await soon("the zygote", zygote.is_ready)
        await kernel.manager.restart_kernel(now=True)
        assert kernel.forked


async def test_the_zygote_waits_for_a_processor(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter((True, True, False))
    monkeypatch.setattr(forking, "_is_busy", lambda: next(looks))
    monkeypatch.setattr(forking, "_LOAD_POLL_SECONDS", 0)
    monkeypatch.setattr(forking, "begin", lambda *_: next(looks, None))
    await forking.begin_when_calm("", {})
    assert next(looks, "all were taken") == "all were taken"


async def test_the_zygote_leaves_an_idle_session(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    zygote = await session.begin()
    async with session.kernel() as kernel:
        assert kernel.forked
        monkeypatch.setattr(forking, "LINGER_SECONDS", 0.1)
        zygote.leave_later()
        await soon("its end", lambda: zygote.pid is None)
        assert await kernel.run("said = 1") == "1"


def test_nothing_outlives_the_server(tmp_path: Path) -> None:
    """The zygote hears that the line is cut, and the kernel that its parent is another."""
    server = """
import asyncio, os, sys
from pathlib import Path
from jupyter_client import AsyncKernelManager
from nebulab.session.kernels import forking, overlay

async def main():
    python = overlay.create(Path("overlay").absolute(), Path(sys.prefix))
    os.environ["JUPYTER_PATH"] = str(overlay.kernelspec(Path("specs").absolute(), python))
    zygote = forking.begin(str(python), os.environ)
    while not await zygote.is_ready():
        await asyncio.sleep(0.02)
    manager = AsyncKernelManager()
    await manager.start_kernel()
    assert type(manager.provisioner.process) is forking.Forked
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready()
    print(zygote.pid, manager.provisioner.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
    process = subprocess.Popen(
        [sys.executable, "-c", server],
        cwd=tmp_path,
        env=os.environ | {"JUPYTER_DEFAULT_PROVISIONER_NAME": PROVISIONER, "JUPYTER_RUNTIME_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout
        below = [int(pid) for pid in process.stdout.readline().split()]
        assert len(below) == 2
        assert set(below) == set(descendants(process.pid))
        process.kill()
    deadline = time.monotonic() + SECONDS
    while any(map(alive, below)):
        assert time.monotonic() < deadline, below
        time.sleep(0.05)


@pytest.mark.parametrize("device", ["/dev/nvidia0", "/dev/nvidiactl", "/dev/dri/renderD128"])
def test_a_process_that_uses_a_gpu_is_not_forked(tmp_path: Path, device: str) -> None:
    """CUDA, once initialised, can't be used in a fork."""
    assert inside.unfit() == inside.unfit(tmp_path)
    (tmp_path / "7").symlink_to(device)
    assert inside.unfit(tmp_path) == f"{device} is in use"


def test_a_name_that_is_no_module_is_told(tmp_path: Path) -> None:
    from nebulab.errors import SettingsError
    from nebulab.session import settings

    told = {"NEBULAB_PRELOAD": "torch, sklearn.linear_model"}
    assert settings.read(told, root=tmp_path, key=None).preload == ("torch", "sklearn.linear_model")
    with pytest.raises(SettingsError, match="no library's name"):
        settings.read({"NEBULAB_PRELOAD": "torch; rm"}, root=tmp_path, key=None)
