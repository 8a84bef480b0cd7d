"""The parts that tests need beyond Python packages: which are missing, and how they arrive; runs in a checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click


@dataclass(frozen=True)
class Part:
    """A program that some tests run for real.

    `program` is looked up on PATH, then below `/` at the path `elsewhere`, in which `*` is the newest version;
    `packages` are the Debian packages that bring it; `costs` says what goes untested without it.
    """

    name: str
    program: str
    packages: tuple[str, ...]
    costs: str
    elsewhere: str = ""

    @property
    def path(self) -> str | None:
        """Where the program lies, or None."""
        found = Path("/").glob(self.elsewhere) if self.elsewhere else ()
        return shutil.which(self.program) or max(map(str, found), default=None, key=_version)


POLICY = Path("/usr/sbin/policy-rc.d")


def _version(path: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path)]


PARTS = (
    Part("browser", "chromium", ("chromium",), "a person's path through Galaxy and JupyterLab"),
    Part("sandbox", "bwrap", ("bubblewrap",), "the isolation of sessions"),
    Part("c++ compiler", "g++", ("g++",), "gx-it-proxy, the proxy for servers"),
    Part("c compiler", "gcc", ("gcc", "libc6-dev"), "what is told of GPUs, by a stand-in for NVIDIA's library"),
    Part("make", "make", ("make",), "gx-it-proxy, the proxy for servers"),
    Part("libpq", "pg_config", ("libpq-dev",), "gx-it-proxy, the proxy for servers"),
    Part(
        "container engine",
        "podman",
        ("podman", "runc", "containernetworking-plugins", "iptables"),
        "the container image",
    ),
    Part("debootstrap", "debootstrap", ("debootstrap",), "the container image, where no registry is reachable"),
    Part(
        "postgresql",
        "initdb",
        ("postgresql",),
        "the portal's data in PostgreSQL",
        elsewhere="usr/lib/postgresql/*/bin/initdb",
    ),
    Part(
        "slurm",
        "slurmctld",
        ("slurmctld", "slurmd", "slurm-client", "slurm-wlm-basic-plugins", "munge"),
        "what is told of a Slurm cluster",
    ),
    Part("kubectl", "kubectl", ("kubernetes-client",), "what is told of a Kubernetes cluster"),
    Part("nginx", "nginx", ("nginx-light",), "the portal behind the web server of Galaxy's host name"),
    Part("systemd", "systemd-analyze", ("systemd",), "the services of a server"),
    Part("ssh", "ssh", ("openssh-client",), "repositories by ssh"),
)


def missing() -> list[Part]:
    """Return the parts that are not on this machine."""
    return [part for part in PARTS if part.path is None]


def install_missing() -> list[Part]:
    """Install the missing parts with apt where this user may, and return those that are still missing."""
    wanted = missing()
    if not wanted or shutil.which("apt-get") is None or os.geteuid() != 0:
        return wanted
    packages = sorted({package for part in wanted for package in part.packages})
    click.echo(f"Installing with apt: {', '.join(packages)}")
    _apt("update", "-q")
    with _no_service_begins():
        if not _install(packages):
            # A package that this distribution has not got keeps all others away.
            for part in missing():
                _install(part.packages)
    return missing()


@contextmanager
def _no_service_begins() -> Iterator[None]:
    """Have packages begin no service: nginx would listen on all addresses; the tests start what they need themselves.

    Debian asks a program whether one may, https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
    """
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def _install(packages: Sequence[str]) -> bool:
    return _apt("install", "-y", "-q", "--no-install-recommends", *packages)


def _apt(*arguments: str) -> bool:
    """Call apt-get, print what it says against it, and return whether it did it."""
    finished = subprocess.run(
        ["apt-get", *arguments],
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if finished.returncode:
        click.echo(finished.stdout[-2000:], err=True)
    return finished.returncode == 0
