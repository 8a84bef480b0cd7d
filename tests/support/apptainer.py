"""A container as Apptainer lays it out, by bubblewrap: Debian has no Apptainer, and its registry is out of reach.

`unpack` makes of an image what Apptainer makes of it when it builds a SIF file, with what our definition says, and
`PROGRAM` is a program named apptainer that runs it: a root that can't be written to, the caller's number that no passwd
knows, nothing of the host but what is bound, an environment made anew, and the machine's own network.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from support.containers import podman
from support.stack import ROOT

USER = 4321
DEPLOY = ROOT / "deploy" / "apptainer"
_SECONDS = 90


def sections(definition: Path) -> dict[str, str]:
    """Return the parts of a definition file by name; the head, before the first one, is ''."""
    parts = re.split(r"^%(\w+)\n", definition.read_text(), flags=re.MULTILINE)
    return {"": parts[0]} | dict(zip(parts[1::2], parts[2::2], strict=True))


def unpack(image: str, definition: Path, folder: Path) -> None:
    """Unpack the image's root into `folder`, with Apptainer's own files in it."""
    container = podman("create", image)
    try:
        with subprocess.Popen(["podman", "export", container], stdout=subprocess.PIPE) as export:
            subprocess.run(["tar", "-x", "-C", str(folder)], stdin=export.stdout, check=True)
        assert export.returncode == 0
    finally:
        podman("rm", container)
    own = folder / ".singularity.d"
    for name in ("env", "libs", "actions"):
        (own / name).mkdir(parents=True)
    told = json.loads(podman("image", "inspect", "--format", "{{json .Config.Env}}", image))
    # What the image sets is a default there, but for PATH, as Apptainer writes it.
    set_by_image = dict(one.split("=", 1) for one in told)
    lines = [f'export PATH="{set_by_image.pop("PATH")}"']
    lines += [f'export {name}="${{{name}:-"{value}"}}"' for name, value in set_by_image.items()]
    (own / "env" / "10-docker2singularity.sh").write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    (own / "env" / "99-base.sh").write_text('export LD_LIBRARY_PATH="/.singularity.d/libs"\n')
    for name, section in (("runscript", "runscript"), ("test", "test")):
        (own / name).write_text(f"#!/bin/sh\n\n{sections(definition)[section]}")
        (own / name).chmod(0o755)
    action = 'for file in /.singularity.d/env/*.sh; do . "$file"; done\nexec "$@"\n'
    (own / "actions" / "exec").write_text(f"#!/bin/sh\n{action}")
    (own / "actions" / "exec").chmod(0o755)
    (folder / "singularity").symlink_to(".singularity.d/runscript")


def install(folder: Path) -> Path:
    """Put the program into `folder`, and return it."""
    program = folder / "apptainer"
    program.write_text(f"#!{sys.executable}\n{_PROGRAM}")
    program.chmod(0o755)
    return program


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
        late = threading.Timer(_SECONDS, self.process.kill)
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


_PROGRAM = f"""
import argparse, json, os, signal, subprocess, sys
from pathlib import Path

parser = argparse.ArgumentParser(prog="apptainer")
parser.add_argument("action", choices=["run", "exec", "test"])
for flag in ("--containall", "--no-home", "--nv"):
    parser.add_argument(flag, action="store_true")
for option in ("--bind", "--env"):
    parser.add_argument(option, action="append", default=[])
for option in ("--pwd", "--workdir"):
    parser.add_argument(option, required=True)
parser.add_argument("image")
parser.add_argument("command", nargs=argparse.REMAINDER)
told = parser.parse_args()
# What this program does not do it must not be asked to.
assert told.containall and told.no_home

image = Path(told.image)
inside = {{name.removeprefix("APPTAINERENV_"): v for name, v in os.environ.items() if name.startswith("APPTAINERENV_")}}
inside |= dict(one.split("=", 1) for one in told.env)
inside |= {{"HOME": os.environ["HOME"], "APPTAINER_CONTAINER": str(image), "APPTAINER_NAME": image.name,
           "SINGULARITY_CONTAINER": str(image), "PS1": "Apptainer> "}}
arguments = ["--ro-bind", str(image), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/dev/shm"]
for name in ("tmp", "var_tmp"):
    place = Path(told.workdir, name)
    place.mkdir(mode=0o1777)
    place.chmod(0o1777)
    arguments += ["--bind", str(place), "/" + name.replace("_", "/")]
for file in ("/etc/resolv.conf", "/etc/hosts"):
    arguments += ["--ro-bind-try", file, file]
for folder in told.bind:
    # What lies above it is made, for everybody to pass through.
    for parent in reversed(Path(folder).parents):
        arguments += ["--perms", "0755", "--dir", str(parent)] if parent.is_relative_to("/tmp") else []
    arguments += ["--bind", folder, folder]
for name, value in inside.items():
    arguments += ["--setenv", name, value]
command = {{"run": ["/.singularity.d/runscript"], "test": ["/.singularity.d/test"], "exec": []}}[told.action]
# The caller is whoever this number is; nobody in the image knows it.
user = ["setpriv", "--reuid={USER}", "--regid={USER}", "--clear-groups", "--no-new-privs", "--inh-caps=-all",
        "--bounding-set=-all"]
# As Apptainer's starter does, it stays, and hands on the signals that it gets.
read, write = os.pipe()
process = subprocess.Popen(
    ["bwrap", "--clearenv", *arguments, "--chdir", told.pwd, "--unshare-pid", "--as-pid-1", "--unshare-ipc",
     "--die-with-parent", "--info-fd", str(write), "--", *user, "/.singularity.d/actions/exec", *command,
     *told.command],
    pass_fds=[write], start_new_session=True)
os.close(write)
first = json.load(os.fdopen(read))["child-pid"]
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, frame: os.kill(first, number))
sys.exit(process.wait())
"""
