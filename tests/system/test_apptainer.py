"""The image under Apptainer, as `deploy/apptainer/lab` runs it: its layout by bubblewrap, its network the machine's."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from support import apptainer
from support.apptainer import DEPLOY, Lab
from support.layers import wheel
from support.session import run_in_kernel
from support.stack import ROOT

pytestmark = pytest.mark.system


def test_a_person_serves_a_folder_on_loopback_alone(apptainer_root: Path) -> None:
    root = apptainer_root
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


def test_the_definition_starts_from_the_built_image_and_its_own_test_passes(apptainer_root: Path) -> None:
    root = apptainer_root
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
