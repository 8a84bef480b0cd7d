"""podman on a test machine, which may be a container or a virtual machine itself, and containers that run."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from nebulab.develop.tests import REQUIRE_ALL
from nebulab.files import locked
from support.parts import require
from support.stack import ROOT

# runc, cgroupfs and soft limits that equal the hard ones also work where control groups are of both kinds and limits
# may not be raised.
CONFIGURATION = """
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_backend = "cni"
"""


def podman(*arguments: str, check: bool = True) -> str:
    # Where a container runs out of memory, podman's monitor leaves a file "oom" in the folder it was started in.
    finished = subprocess.run(
        ["podman", *arguments],
        cwd=tempfile.gettempdir(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert finished.returncode == 0 or not check, finished.stdout
    return finished.stdout.strip()


def require_containers(folder: Path) -> None:
    """Have podman ready for this process and those that it starts; skip, or fail where all is required."""
    require("container engine")
    if os.geteuid() == 0 and "CONTAINERS_CONF" not in os.environ:
        (folder / "containers.conf").write_text(CONFIGURATION)
        os.environ["CONTAINERS_CONF"] = str(folder / "containers.conf")
    finished = subprocess.run(["podman", "info"], capture_output=True, text=True)
    if finished.returncode:
        reason = f"podman does not work here: {finished.stderr.strip()[-300:]}"
        pytest.fail(reason) if REQUIRE_ALL.read(os.environ) else pytest.skip(reason)


@contextlib.contextmanager
def lab_image(folder: Path) -> Iterator[str]:
    """The image's smallest variant, built by the command that a person gives, until the block ends."""
    require_containers(folder)
    require("debootstrap")
    # What one worker removes the others keep; a second one finds the layers of the first.
    tag = f"localhost/nebulab-test-{os.getpid()}:lab"
    build = ["image", "build", "--variant", "lab", "--base", "bootstrap", "--engine", "podman", "--tag", tag]
    with locked(Path(tempfile.gettempdir()) / "nebulab-test-image.lock", wait=True):
        finished = subprocess.run(
            [str(ROOT / "nebulab"), *build], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    assert finished.returncode == 0, finished.stdout
    assert f"Built {tag}" in finished.stdout
    try:
        yield tag
    finally:
        podman("image", "rm", "--force", tag, check=False)


class Container:
    """A container of the image as a person starts it, until the block ends."""

    def __init__(self, image: str, *options: str) -> None:
        self._image = image
        self._options = options

    def __enter__(self) -> Container:
        self.id = podman("run", "--detach", "--publish", "127.0.0.1::8888", *self._options, self._image).splitlines()[
            -1
        ]
        try:
            deadline = time.monotonic() + 90
            while "Open " not in self.said:
                assert time.monotonic() < deadline, self.said
                assert podman("inspect", "--format", "{{.State.Running}}", self.id) == "true", self.said
                time.sleep(0.2)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        podman("rm", "--force", "--time", "5", self.id, check=False)

    @property
    def said(self) -> str:
        return podman("logs", self.id)

    @property
    def way_in(self) -> str:
        """The address which it printed, with the port that it was published on."""
        found = re.search(r"Open (\S+)", self.said)
        assert found is not None, self.said
        printed = urlsplit(found[1])
        return printed._replace(netloc=self.published).geturl()

    @property
    def published(self) -> str:
        return podman("port", self.id, "8888/tcp")

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.way_in).query)["token"][0]

    def owner(self) -> httpx.Client:
        """A client with the token."""
        headers = {"Authorization": f"token {self.token}"}
        return httpx.Client(base_url=f"http://{self.published}", headers=headers, timeout=60)

    def stop(self) -> int:
        """Stop it as `docker stop` does, and return its exit code."""
        podman("stop", "--time", "30", self.id)
        return int(podman("inspect", "--format", "{{.State.ExitCode}}", self.id))
