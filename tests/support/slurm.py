"""A real Slurm on loopback, without systemd: munge, one controller, and nodes with GPUs that are only files.

Slurm gives such a GPU to a job as it does a real one, and sets CUDA_VISIBLE_DEVICES; nothing can compute on it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from support.parts import require

_CONF = """
ClusterName=try
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/controller.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/controller.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
MpiDefault=none
ReturnToService=2
KillWait=2
{nodes}
PartitionName=gpu Nodes={names} Default=YES MaxTime=24:00:00 State=UP
"""
_SECONDS = 30


class Slurm:
    """The running cluster; `environment` leads Slurm's commands to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    def call(self, *command: str) -> str:
        """Run one of Slurm's commands, and return what it printed."""
        done = subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, timeout=_SECONDS, check=True
        )
        return done.stdout.strip()

    def submit(self, *options: str, seconds: int = 300) -> str:
        """Submit a job that sleeps, and return its id."""
        return self.call("sbatch", "--parsable", "-o", "/dev/null", *options, "--wrap", f"sleep {seconds}")

    def wait(self, job: str, state: str) -> None:
        """Wait until the job is in this state."""
        deadline = time.monotonic() + _SECONDS
        while (now := self.call("squeue", "-h", "-j", job, "-t", "all", "-o", "%T")) != state:
            assert time.monotonic() < deadline, f"job {job} is {now or 'gone'}, not {state}"
            time.sleep(0.1)


@contextlib.contextmanager
def running(nodes: Mapping[str, Mapping[str, int]]) -> Iterator[Slurm]:
    """Start a cluster: for each node's name its GPUs' models with their numbers; each has 28 CPUs and 90,000 MiB."""
    require("slurm")
    if os.geteuid() != 0:
        pytest.skip("only root can make the device files of Slurm's GPUs")
    # munge wants a path whose folders only root may write to, and sockets' paths are short.
    with tempfile.TemporaryDirectory(prefix="nebulab-slurm-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        slurm = Slurm(folder)
        _configure(folder, nodes)
        try:
            _start("munged", "--force", *(f"--{option}={folder}/munge/{file}" for option, file in _MUNGE))
            _start("slurmctld", environment=slurm.environment)
            for node in nodes:
                _start("slurmd", "-N", node, environment=slurm.environment)
            _wait_until_up(slurm, len(nodes))
            yield slurm
        finally:
            _stop(slurm, [*(f"{node}.pid" for node in nodes), "controller.pid", "munge/pid"])


_MUNGE = (
    ("key-file", "key"),
    ("socket", "socket"),
    ("pid-file", "pid"),
    ("log-file", "log"),
    ("seed-file", "seed"),
)


def _configure(folder: Path, nodes: Mapping[str, Mapping[str, int]]) -> None:
    for name in ("state", "dev", "munge"):
        (folder / name).mkdir(mode=0o755)
    key = folder / "munge" / "key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o600)
    host = socket.gethostname().partition(".")[0]
    ports = _ports(1 + len(nodes))
    number = 0
    lines, gres = [], []
    for port, (node, gpus) in zip(ports[1:], nodes.items(), strict=True):
        for model, count in gpus.items():
            first = number
            for _ in range(count):
                os.mknod(folder / "dev" / f"nvidia{number}", 0o660 | 0o020000, os.makedev(195, number))
                number += 1
            files = f"{folder}/dev/nvidia{first}" if count == 1 else f"{folder}/dev/nvidia[{first}-{number - 1}]"
            gres.append(f"NodeName={node} Name=gpu Type={model} File={files} Flags=nvidia_gpu_env")
        wanted = ",".join(f"gpu:{model}:{count}" for model, count in gpus.items())
        lines.append(
            f"NodeName={node} NodeAddr=127.0.0.1 NodeHostname={host} Port={port} CPUs=28 RealMemory=90000 "
            f"TmpDisk=250000 Gres={wanted}"
        )
    (folder / "gres.conf").write_text("\n".join(gres) + "\n")
    (folder / "slurm.conf").write_text(
        _CONF.format(folder=folder, host=host, controller=ports[0], nodes="\n".join(lines), names=",".join(nodes))
    )


def _ports(number: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _start(*command: str, environment: Mapping[str, str] | None = None) -> None:
    # They go into the background once they listen; without files for their output a pipe would wait for them.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            command,
            env=os.environ | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
        )
        output.seek(0)
        assert done.returncode == 0, f"{command[0]}: {output.read().decode()[-500:]}"


def _wait_until_up(slurm: Slurm, nodes: int) -> None:
    deadline = time.monotonic() + _SECONDS
    while slurm.call("sinfo", "-h", "-N", "-o", "%T").split().count("idle") < nodes:
        assert time.monotonic() < deadline, slurm.call("sinfo", "-N", "-l")
        time.sleep(0.1)


def _stop(slurm: Slurm, pid_files: list[str]) -> None:
    with contextlib.suppress(subprocess.SubprocessError):
        slurm.call("scancel", "-f", "-u", "root")
    for name in pid_files:
        with contextlib.suppress(OSError, ValueError):
            pid = int((slurm.folder / name).read_text())
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + _SECONDS
            while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
