"""A process that has imported what a kernel needs, and becomes kernels by forking; runs in the kernels' environment.

JupyterLab starts it (`nebulab.session.kernels.forking`) as `python -m nebulab.kernel.zygote`, with a socket as its
standard input on which requests and answers are lines of JSON. A kernel takes 0.5 s and more to import what it consists
of; a fork of what has done so takes milliseconds, and goes on exactly as `python -m ipykernel_launcher` would.

It has no threads, no event loop and no zmq context, since none of these outlives a fork. It must not use a GPU either:
CUDA can't be used by the fork of a process that has initialised it. And it forks only while what comes of it is what a
fresh kernel would be: nothing that it has imported was changed since.
"""

# Whatever is imported here is in every kernel: the standard library alone, and what a kernel has anyway.
from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import io
import json
import os
import runpy
import site
import socket
import stat
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nebulab.contract import GPU_MEMORY_MB, PRELOAD

KERNEL = "ipykernel_launcher"

_IMPORTED = ("ipykernel.kernelapp", "tornado.platform.asyncio")
# What a kernel imports by the way as it starts; one that another version of them has no more is left out.
_IMPORTED_TOO = (
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.extensions.storemagic",
    "galaxy_script_job",
    "nebulab.kernel.datasets",
    "nebulab.kernel.names.former",
    "nebulab.kernel.histories",
    "psutil",
    "pydoc",
    "sqlite3",
)
# pyarrow's allocator makes itself ready for a fork, and its thread is of no account.
_HARMLESS_THREADS = frozenset({"jemalloc_bg_thd"})
_LONGEST_REQUEST = 8 * 1024 * 1024
# Places of arg_start and arg_end among the fields of /proc/self/stat that follow the program's name (proc(5)).
_ARGUMENT_FIELDS = slice(45, 47)

Look = dict[str, tuple[int, int, int] | frozenset[tuple[str, int]] | None]
"""State of paths: of a file mtime, size and inode; of a folder its entries' names and inodes; None if missing."""


@dataclass(frozen=True)
class Request:
    """A kernel to become: the command as for a process of its own, the environment and the folder."""

    argv: list[str]
    environment: dict[str, str]
    folder: str

    @classmethod
    def parse(cls, line: bytes) -> Request:
        """Read what `nebulab.session.kernels.forking` has sent."""
        fields = json.loads(line)
        return cls(fields["argv"], fields["environment"], fields["folder"])


class Line:
    """The socket to JupyterLab, read line by line."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._read = b""

    def receive(self) -> bytes:
        """Return the next line, or nothing at EOF."""
        while b"\n" not in self._read and len(self._read) < _LONGEST_REQUEST:
            try:
                piece = self._socket.recv(65536)
            except OSError:
                return b""
            if not piece:
                return b""
            self._read += piece
        line, _, self._read = self._read.partition(b"\n")
        return line

    def send(self, answer: dict[str, object]) -> None:
        """Answer with a line."""
        self._socket.sendall(json.dumps(answer).encode() + b"\n")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def main() -> Request | None:
    """Import, report ready, and fork for each request; return the request in a fork, None in the zygote at its end."""
    # The folder of the start is no place to import from.
    del sys.path[0]
    line = Line(socket.socket(fileno=os.dup(0)))
    _nothing_on(0)
    seen_before = look(_folders())
    for name in _IMPORTED:
        importlib.import_module(name)
    with contextlib.redirect_stderr(io.StringIO()):  # debugpy's remarks on this Python
        for name in _IMPORTED_TOO:
            _import(name, quiet=True)
    preload_fault = preload(os.environ.get(PRELOAD, "").split())
    seen = seen_before | look(_files())
    gc.collect()
    # What is here now is never garbage: the collector would write into each page of it, and pages that nobody writes
    # into are shared with every kernel.
    gc.freeze()
    fault = preload_fault or unfit()
    if not _arguments()[0]:
        fault = "the system does not show where a process's command lies"
    line.send({"unfit": fault} if fault else {"ready": True})
    while not fault:
        request_line = line.receive()
        if not request_line:
            break
        fault = changed(seen) or unfit()
        if fault:
            line.send({"unfit": fault})
            break
        request = Request.parse(request_line)
        pid, go_pipe = _fork()
        if pid == 0:
            line.close()
            _wait_for_go(go_pipe)
            return request
        line.send({"pid": pid})
        if line.receive() == b"go":
            os.write(go_pipe, b"go")
        os.close(go_pipe)
    return None


def preload(names: Iterable[str]) -> str:
    """Import libraries whose import takes long; one that can't be is told in the log.

    Returns why this process must not be forked after that, or nothing.
    """
    for name in names:
        if name == "tensorflow" and os.environ.get(GPU_MEMORY_MB):
            # To hold it to its share of a GPU is to ask CUDA for the GPUs, which must wait for the fork.
            print(f"{PRELOAD}: tensorflow is not preloaded where a share of the GPU's memory is set.", file=sys.stderr)
            continue
        begun = time.monotonic()
        if _import(name, quiet=False):
            print(f"{PRELOAD}: {name} after {time.monotonic() - begun:.1f} s", file=sys.stderr)
        _rehearse()
        if trouble := unfit():
            return f"{PRELOAD}: {name} can't be preloaded ({trouble})"
    return ""


def _import(name: str, *, quiet: bool) -> bool:
    try:
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - a library that can't be imported raises whatever it meets
        if not quiet:
            print(f"{PRELOAD}: {name} can't be imported: {error!r}", file=sys.stderr)
        return False
    return True


def unfit(descriptors: Path = Path("/proc/self/fd"), threads: Path = Path("/proc/self/task")) -> str:
    """Return why this process must not be forked, or nothing."""
    for entry in descriptors.iterdir():
        try:
            target = str(entry.readlink())
        except OSError:  # the one that lists
            continue
        if target.startswith(("/dev/nvidia", "/dev/kfd", "/dev/dri/")):
            return f"{target} is in use"
    running = [(entry / "comm").read_text().strip() for entry in threads.iterdir()]
    others = len(running) - 1 - sum(name in _HARMLESS_THREADS for name in running)
    return f"threads beside the main one: {others}" if others else ""


def _rehearse() -> None:
    """Fork once for nothing: OpenBLAS joins the threads of its import before a fork, and starts no new ones."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _folders() -> list[str]:
    """Return where Python looks for modules, and the files in there that it runs at its start."""
    folders = [folder for folder in sys.path if Path(folder).is_dir()]
    writable = [folder for folder in {*folders, *site.getsitepackages()} if os.access(folder, os.W_OK)]
    return [*sys.path, *(str(file) for folder in writable for file in Path(folder).glob("*.pth"))]


def _files() -> list[str]:
    """Return the files of all imported modules that this user could have changed."""
    shared = tuple(folder + os.sep for folder in sys.path if folder and not os.access(folder, os.W_OK))
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return [file for file in files if isinstance(file, str) and not file.startswith(shared)]


def look(paths: Iterable[str]) -> Look:
    """Return the state of files and folders now."""
    states: Look = {}
    for path in paths:
        try:
            status = Path(path).stat()
            if stat.S_ISDIR(status.st_mode):
                # Not its time, which changes when a first module of it is imported: Python keeps bytecode in it.
                with os.scandir(path) as entries:
                    states[path] = frozenset(
                        (entry.name, entry.inode()) for entry in entries if entry.name != "__pycache__"
                    )
            else:
                states[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            states[path] = None
    return states


def changed(earlier: Look) -> str:
    """Return which path has changed since `earlier`, or nothing."""
    now = look(earlier)
    for path, state in earlier.items():
        if now[path] != state:
            return f"{path} has changed"
    return ""


def _fork() -> tuple[int, int]:
    """Fork a process that waits for `go` on a pipe; return its pid and the pipe's write end.

    It is forked twice, so that JupyterLab, a subreaper, becomes its parent. In the fork itself the pid is 0, with the
    pipe's read end.
    """
    go_read, go_write = os.pipe()
    pid_read, pid_write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    between = os.fork()
    if between == 0:
        if os.fork():
            os._exit(0)
        os.setsid()
        os.write(pid_write, str(os.getpid()).encode())
        for descriptor in (go_write, pid_read, pid_write):
            os.close(descriptor)
        return 0, go_read
    os.close(go_read)
    os.close(pid_write)
    # Once it is reaped the kernel's parent is JupyterLab.
    os.waitpid(between, 0)
    pid = int(os.read(pid_read, 32))
    os.close(pid_read)
    return pid, go_write


def _wait_for_go(pipe: int) -> None:
    """Wait for `go` on the pipe; exit at anything else: JupyterLab has given this kernel up and started another."""
    if os.read(pipe, 2) != b"go":
        os._exit(0)
    os.close(pipe)


def become(request: Request, begun_with: Mapping[str, str]) -> None:
    """Run the kernel in this process, whose environment was `begun_with` until now."""
    rename(request.argv)
    # What an import has set, it would have set in a fresh kernel too.
    for name in begun_with.keys() | request.environment.keys():
        value = request.environment.get(name)
        if value is None:
            os.environ.pop(name, None)
        elif value != begun_with.get(name):
            os.environ[name] = value
    os.chdir(request.folder)
    _reseed()
    # As `python -m` leaves them for the launcher, which takes the folder off the path again.
    sys.path.insert(0, request.folder)
    sys.orig_argv[:] = request.argv
    sys.argv = ["-m", *request.argv[3:]]
    runpy.run_module(KERNEL, run_name="__main__", alter_sys=True)


def rename(argv: Sequence[str]) -> None:
    """Overwrite /proc/self/cmdline with `argv`, by which `ps` and the session's memory watch know a kernel.

    Raises
    ------
    ValueError
        It is longer than the command that this process was started with.
    """
    start, end = _arguments()
    command = b"\0".join(map(os.fsencode, argv)) + b"\0"
    if len(command) > end - start:
        raise ValueError(f"{len(command)} bytes of a command do not fit into {end - start}")
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, command, len(command))


def _arguments() -> tuple[int, int]:
    """Return the addresses between which /proc/self/cmdline lies in memory."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = map(int, fields[_ARGUMENT_FIELDS])
    return start, end


def _reseed() -> None:
    """Reseed NumPy's global generator, whose state all forks would share."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


def _nothing_on(descriptor: int) -> None:
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, descriptor)
    os.close(empty)


if __name__ == "__main__":
    environment = dict(os.environ)
    request = main()
    if request is not None:
        become(request, environment)
