"""The image under Apptainer, as `deploy/apptainer/lab` runs it: its layout by bubblewrap, its network the machine's."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import psutil
import pytest

from support import apptainer
from support.layers import wheel
from support.parts import require
from support.session import run_in_kernel
from support.stack import ROOT

pytestmark = pytest.mark.system

DEPLOY = ROOT / "deploy" / "apptainer"
SECONDS = 90


class Lab:
    """`deploy/apptainer/lab` on a folder, until the block ends."""

    def __init__(self, root: Path, folder: Path, **variables: str) -> None:
        self._root, self._folder, self._variables = root, folder, variables
        self.said = ""

    def __enter__(self) -> Lab:
        top = self._root.parent
        environment = {
            "PATH": f"{top}/bin:{os.environ['PATH']}",
            "HOME": "/home/somebody",  # as on a cluster: it is not there inside
            "NEBULAB_STATE": str(top / "state"),
            "TMPDIR": str(top / "scratch"),
            "SECRET_OF_THE_HOST": "1",
            **self._variables,
        }
        self.process = subprocess.Popen(
            [DEPLOY / "lab", self._root, self._folder],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        late = threading.Timer(SECONDS, self.process.kill)
        late.start()
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if "Open " in line:
                break
        late.cancel()
        self._rest = threading.Thread(target=self.process.stdout.read, daemon=True)
        self._rest.start()
        if "Open " not in self.said:
            self.end()
            pytest.fail(self.said)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> int:
        """Press Ctrl-C in its terminal, and return its exit code."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(60)
        self._rest.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    @property
    def address(self) -> str:
        found = re.search(r"Open (\S+)", self.said)
        assert found is not None, self.said
        return found[1]

    def owner(self) -> httpx.Client:
        (token,) = parse_qs(urlsplit(self.address).query)["token"]
        base = f"http://{urlsplit(self.address).netloc}"
        return httpx.Client(base_url=base, headers={"Authorization": f"token {token}"}, timeout=60)


@pytest.fixture(scope="module")
def root(lab_image: str) -> Iterator[Path]:
    """The image's root as Apptainer unpacks it; the program and the session's state lie beside it."""
    require("sandbox")
    # Not pytest's folder: nobody but root may look into that one.
    top = Path(tempfile.mkdtemp(prefix="nebulab-apptainer-"))
    top.chmod(0o755)
    try:
        for name in ("root", "bin", "state", "scratch", "folder"):
            (top / name).mkdir()
        apptainer.unpack(lab_image, DEPLOY / "nebulab.def", top / "root")
        apptainer.install(top / "bin")
        for name in ("state", "folder"):
            os.chown(top / name, apptainer.USER, apptainer.USER)
        yield top / "root"
    finally:
        shutil.rmtree(top)


def test_a_person_serves_a_folder_on_loopback_alone(root: Path) -> None:
    folder = root.parent / "folder"
    own = wheel(root.parent / "state", "verified_own", "1.0")
    # The image's variable says `container`, in which a session listens on all addresses.
    assert "NEBULAB_ISOLATION" in (root / ".singularity.d/env/10-docker2singularity.sh").read_text()
    with Lab(root, folder) as lab:
        assert "isolation apptainer" in lab.said
        port = urlsplit(lab.address).port
        open_ones = [one for one in psutil.net_connections("tcp") if not one.raddr]
        listening = {one.laddr.ip for one in open_ones if one.laddr and one.laddr.port == port}
        assert listening == {"127.0.0.1"}
        for path in ("/lab", "/api/contents", "/"):
            assert httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 403
        assert httpx.get(lab.address, follow_redirects=True, timeout=60).status_code == 200
        with lab.owner() as client:
            seen = run_in_kernel(
                client,
                "import os, pathlib; print(os.getuid(), os.getcwd(), 'SECRET_OF_THE_HOST' in os.environ, "
                f"os.path.exists({str(ROOT)!r}), os.access('/opt', os.W_OK)); pathlib.Path('made.txt').write_text('x')",
            )
            assert seen.split() == [str(apptainer.USER), str(folder), "False", "False", "False"]
            run_in_kernel(client, f"%uv pip install --offline --no-index {own}")
            listed = run_in_kernel(client, "import verified_own; print(verified_own.VERSION)\n!nebulab packages")
            assert listed.startswith("1.0\n")
            assert f"for this folder, in what is mounted at {root.parent}/state" in listed
        assert lab.end() == 0
    assert (folder / "made.txt").read_text() == "x"
    assert (folder / "made.txt").stat().st_uid == apptainer.USER
    # A second session of the folder, beside somebody who took the usual port: what was installed is still there.
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 8888))
        taken.listen()
        with Lab(root, folder, APPTAINERENV_JUPYTER_TOKEN="chosen") as lab, lab.owner() as client:
            assert lab.address.endswith("token=chosen")
            assert urlsplit(lab.address).port != 8888
            assert run_in_kernel(client, "import verified_own; print(verified_own.VERSION)") == "1.0\n"
    assert not list((root.parent / "scratch").iterdir())


def test_the_definition_starts_from_the_built_image_and_its_own_test_passes(root: Path) -> None:
    parts = apptainer.sections(DEPLOY / "nebulab.def")
    head = dict(line.split(": ", 1) for line in parts[""].splitlines() if line and not line.startswith("#"))
    assert head == {"Bootstrap": "docker-archive", "From": "nebulab-cpu.tar"}
    with tempfile.TemporaryDirectory() as scratch:
        options = ["--containall", "--no-home", "--pwd", "/", "--workdir", scratch]
        finished = subprocess.run(
            [root.parent / "bin" / "apptainer", "test", *options, root],
            env={"PATH": os.environ["PATH"], "HOME": "/root"},
            capture_output=True,
            text=True,
        )
    assert finished.returncode == 0, finished.stderr
    assert "nebulab" in finished.stdout


def test_the_command_says_what_it_wants() -> None:
    finished = subprocess.run([DEPLOY / "lab"], capture_output=True, text=True)
    assert finished.returncode == 2
    assert "IMAGE.sif" in finished.stderr
    refused = subprocess.run(
        [DEPLOY / "lab", "x.sif", "/"], env={"NEBULAB_STATE": "/a:b", "PATH": "/usr/bin:/bin"}, capture_output=True
    )
    assert refused.returncode == 2
