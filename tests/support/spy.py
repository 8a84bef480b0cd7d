"""What a notebook may try to see of another session on its machine, by all that a kernel can do without rights.

`python spy.py MARK SECONDS PIDS [FOLDER…]`, or as a notebook's cell with `sys.argv` set, prints as JSON what it found
of MARK, which the other session has everywhere (`support.marked`). It needs pyzmq alone.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/home", "/root", "/srv", "/mnt", "/opt", "/data")
PATHS = ("/", "/api/kernels", "/api/contents", "/api/sessions", "/nebulab/session", "/api/users/current")
# The Debug Adapter Protocol's first word; who answers it runs code.
DEBUG = b'{"seq": 1, "type": "request", "command": "initialize", "arguments": {"adapterID": "spy"}}'
_DEEPEST = 50
_PTRACE_ATTACH, _PTRACE_DETACH = 16, 17
_SECONDS = 2
_AT_ONCE = 32


def ports() -> list[int]:
    """The ports of this machine's loopback that listen."""
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if Path(f"/proc/net/{table}").exists()
    ]
    return sorted({int(line[1].rpartition(":")[2], 16) for line in lines if line[3] == "0A"})


def overhear(mark: str, seconds: float) -> bool:
    """Whether a ZeroMQ subscriber on all ports hears the mark."""
    import zmq

    context = zmq.Context()
    subscriber = context.socket(zmq.SUB)
    subscriber.linger = 0
    subscriber.subscribe(b"")
    for port in ports():
        subscriber.connect(f"tcp://127.0.0.1:{port}")
    heard, until = b"", time.monotonic() + seconds
    while time.monotonic() < until:
        if subscriber.poll(100):
            heard += b"".join(subscriber.recv_multipart())
    subscriber.close()
    context.term()
    return mark.encode() in heard


def ask(mark: str) -> list[str]:
    """Addresses on loopback at which somebody shows the mark to everybody."""

    def shows(address: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{address}", timeout=_SECONDS) as answer:
                return mark in answer.read(10**6).decode(errors="replace")
        except (OSError, ValueError, urllib.error.URLError):
            return False
        except Exception:  # noqa: BLE001 - what is no HTTP server answers as it likes
            return False

    return _those([f"{port}{path}" for port in ports() for path in PATHS], shows)


def _those(asked: list[Any], answers: Callable[[Any], bool]) -> list[Any]:
    """Those that answer, asked side by side: most are silent until the time is over."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [one for one, does in zip(asked, pool.map(answers, asked), strict=True) if does]


def debug() -> list[int]:
    """Ports at which a debugger obeys."""

    def obeys(port: int) -> bool:
        said = b""
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=_SECONDS) as connection:
                connection.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(DEBUG), DEBUG))
                until = time.monotonic() + _SECONDS
                while b"seq" not in said and time.monotonic() < until:
                    piece = connection.recv(4096)
                    if not piece:
                        break
                    said += piece
        except OSError:
            return False
        return b"Content-Length" in said and b'"seq"' in said

    return _those(ports(), obeys)


def unix_sockets(own: set[str]) -> list[str]:
    """Unix sockets, abstract ones too, that somebody else listens on and that can be connected to."""
    found = []
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if len(fields) < 8 or int(fields[3], 16) & 0x10000 == 0 or fields[6] in own:
            continue
        address = fields[7].replace("@", "\0", 1) if fields[7].startswith("@") else fields[7]
        for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
            with socket.socket(socket.AF_UNIX, kind) as connection:
                connection.settimeout(_SECONDS)
                try:
                    connection.connect(address)
                except (OSError, ValueError):
                    continue
                found.append(fields[7])
    return found


def own_inodes() -> set[str]:
    """The sockets of the processes that are in sight: this session's."""
    inodes = set()
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    return inodes


def processes(mark: str) -> list[str]:
    """Files of `/proc` that show the mark."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        for name in ("environ", "cmdline", "maps", "cwd", "root"):
            try:
                path = entry / name
                shown = str(path.readlink()) if name in {"cwd", "root"} else path.read_bytes().decode(errors="replace")
            except OSError:
                continue
            if mark in shown:
                found.append(str(path))
    return found


def reach(pids: list[int], mark: str) -> list[str]:
    """Of the other session's processes, by the machine's numbers: those that a signal or ptrace reaches."""
    libc = ctypes.CDLL(None, use_errno=True)
    found = []
    for pid in pids:
        try:
            shown = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        except OSError:
            shown = ""
        # A process of this session may have the same number in its own world of processes.
        theirs = mark in shown or not Path(f"/proc/{pid}").exists()
        try:
            os.kill(pid, 0)
            found += [f"signal {pid}"] if theirs else []
        except OSError:
            pass
        if theirs and libc.ptrace(_PTRACE_ATTACH, pid, 0, 0) == 0:
            found.append(f"ptrace {pid}")
            libc.ptrace(_PTRACE_DETACH, pid, 0, 0)
        try:
            os.close(os.pidfd_open(pid))
            found += [f"pidfd {pid}"] if theirs else []
        except OSError:
            pass
    return found


def files(mark: str, folders: list[str]) -> list[str]:
    """Files whose name or content has the mark."""
    found = []
    for folder in (*PLACES, *folders):
        for here, below, names in os.walk(folder):
            known = {"environments", "site-packages", "proc"}
            # What other tests leave may be a thousand folders deep, where `os.walk` gives up.
            below[:] = [name for name in below if name not in known and here.count("/") < _DEEPEST]
            found += [str(Path(here, name)) for name in (*below, *names) if mark in name]
            for name in names:
                path = Path(here, name)
                try:
                    if path.is_file() and path.stat().st_size < 10**6 and mark.encode() in path.read_bytes():
                        found.append(str(path))
                except OSError:
                    continue
    return found


def shared(mark: str) -> list[str]:
    """Shared memory, message queues and keys of the mark."""
    found = []
    libc = ctypes.CDLL(None, use_errno=True)
    for key in range(1, 64):
        number = libc.shmget(key, 0, 0)
        if number >= 0:
            libc.shmat.restype = ctypes.c_void_p
            place = libc.shmat(number, None, 0o10000)
            if place not in {None, ctypes.c_void_p(-1).value} and mark.encode() in ctypes.string_at(place, 64):
                found.append(f"shared memory {key}")
    numbers = {"x86_64": 250, "aarch64": 219}
    syscall = numbers.get(os.uname().machine)
    for ring in (-4, -5, -3):  # the user's keyring, that of the user's sessions, the session's
        content = ctypes.create_string_buffer(4096)
        key = libc.syscall(syscall, 10, ring, b"user", b"nebulab-test", 0)
        if key > 0 and libc.syscall(syscall, 11, key, content, 4096) > 0 and mark.encode() in content.raw:
            found.append(f"keyring {ring}")
    return found


def spy(mark: str, seconds: float, pids: list[int], folders: list[str]) -> dict[str, Any]:
    """Try everything."""
    return {
        "heard": overhear(mark, seconds),
        "shown at": ask(mark),
        "debugged": debug(),
        "unix sockets": unix_sockets(own_inodes()),
        "processes": processes(mark),
        "reached": reach(pids, mark),
        "files": files(mark, folders),
        "shared": shared(mark),
        "ports": len(ports()),
    }


if __name__ == "__main__":
    _mark, _seconds, _pids, *_folders = sys.argv[1:]
    print(json.dumps(spy(_mark, float(_seconds), json.loads(_pids), _folders)))
