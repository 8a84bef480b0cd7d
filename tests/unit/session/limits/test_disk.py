"""The disk's limit: told before, held at it, let go when there is room. Real files, and real processes that write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nebulab.session.journal import Journal
from nebulab.session.layout import Layout
from nebulab.session.limits import file_systems
from nebulab.session.limits.disk import Disk
from nebulab.session.limits.file_systems import FileSystem
from nebulab.session.walls import guardian, sandbox

MEGABYTE = 2**20
LIMIT = 20 * MEGABYTE
# What a kernelspec starts, as far as a look at its arguments goes; it writes a megabyte for each line that it reads.
KERNEL = """
import os, sys
piece = os.urandom(1 << 20)
with open(sys.argv[1], "ab", buffering=0) as file:
    for line in sys.stdin:
        for _ in range(int(line)):
            file.write(piece)
        print("done", flush=True)
"""


class Kernel:
    def __init__(self, path: Path) -> None:
        self.path = path
        arguments = [sys.executable, "-c", KERNEL, str(path), "-f", "/tmp/kernel-x.json"]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, megabytes: int) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{megabytes}\n")
        self.process.stdin.flush()

    def write(self, megabytes: int) -> None:
        self.ask(megabytes)
        assert self.process.stdout
        assert self.process.stdout.readline() == "done\n"

    def stops(self) -> bool:
        """Whether it is stopped, soon: a signal takes its time on a busy machine."""
        deadline = time.monotonic() + 10
        while self.state != "T" and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.state == "T"

    @property
    def state(self) -> str:
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "working")
    for folder in (layout.outputs, layout.own, layout.mirror):
        folder.mkdir(parents=True)
    return layout


@pytest.fixture
def kernel(layout: Layout) -> Iterator[Callable[[str], Kernel]]:
    """Start kernels that write; all are ended."""
    started: list[Kernel] = []

    def start(name: str) -> Kernel:
        started.append(Kernel(layout.work / name))
        return started[-1]

    yield start
    for one in started:
        one.end()


class Watched:
    """The watch, and what it has told."""

    def __init__(self, layout: Layout, **options: object) -> None:
        self.journal = Journal()
        chosen = {"process": os.getpid(), "file_systems": [FileSystem(layout.root, holds_the_work=True)]} | options
        self.disk = Disk(layout, LIMIT, journal=self.journal, **chosen)  # type: ignore[arg-type]

    def look(self) -> list[str]:
        """Look until something has been told or taken back, or until nothing will be."""
        before = self.told()
        for _ in range(5):
            # Not after the time that it asks for: a walk is then not yet due.
            self.disk._next_walk = 0
            self.disk.measure()
            if self.told() != before:
                break
        return self.told()

    def told(self) -> list[str]:
        return [str(message["text"]) for message in self.journal.messages()]


def test_it_is_told_before_the_limit_and_taken_back(layout: Layout) -> None:
    watched = Watched(layout)
    file = layout.outputs / "made.bin"
    file.write_bytes(b"x" * 15 * MEGABYTE)
    assert watched.look() == []
    file.write_bytes(b"x" * 17 * MEGABYTE)
    (message,) = watched.look()
    assert message.startswith("17 MB of the session's 20 MB of disk space are used")
    assert "'outputs/made.bin' (17 MB)" in message
    assert "Delete what you don't need" in message
    file.write_bytes(b"x" * (1949 * MEGABYTE // 100))
    (message,) = watched.look()
    assert message.startswith("19 MB of the session's 20 MB")
    file.write_bytes(b"x" * (1875 * MEGABYTE // 100))
    assert watched.look() == [message], "a little less is no news"
    file.unlink()
    assert watched.look() == []


def test_who_writes_beyond_the_limit_is_held_and_goes_on_when_there_is_room(
    layout: Layout, kernel: Callable[[str], Kernel]
) -> None:
    watched = Watched(layout)
    idle, writer = kernel("idle.bin"), kernel("big.bin")
    idle.write(6)
    watched.look()
    writer.write(15)
    (full,) = watched.look()
    assert "The disk space is used up: 21 MB of the session's 20 MB" in full
    assert "'big.bin' (15 MB)" in full
    assert writer.state != "T", "what was written until now was allowed"
    writer.write(3)
    held = watched.look()[-1]
    assert held.startswith("A kernel went on writing after the session's 20 MB of disk space")
    assert "lost nothing" in held
    assert writer.stops()
    assert idle.state != "T"
    writer.ask(1)
    time.sleep(0.3)
    assert writer.path.stat().st_size == 18 * MEGABYTE
    idle.path.unlink()
    idle.end()
    assert watched.look()[-1].startswith("18 MB of the session's 20 MB"), "the messages of the full disk are taken back"
    assert writer.process.stdout
    assert writer.process.stdout.readline() == "done\n"
    assert writer.path.stat().st_size == 19 * MEGABYTE


def test_a_little_may_be_saved_beyond_the_limit(layout: Layout, kernel: Callable[[str], Kernel]) -> None:
    """A notebook, a figure, what a kernel itself writes down of a cell."""
    watched = Watched(layout)
    writer = kernel("big.bin")
    writer.write(21)
    watched.look()
    (layout.work / "notebook.ipynb").write_bytes(b"x" * 3 * MEGABYTE)
    assert len(watched.look()) == 1
    assert writer.state != "T"


def test_who_reads_is_not_held_for_who_writes(layout: Layout, kernel: Callable[[str], Kernel]) -> None:
    watched = Watched(layout)
    first, second = kernel("first.bin"), kernel("second.bin")
    first.write(19)
    second.write(2)
    watched.look()
    second.write(4)
    assert len(watched.look()) == 2
    assert second.stops()
    assert first.state != "T"


def test_without_anybody_to_make_room_it_is_ended(layout: Layout, kernel: Callable[[str], Kernel]) -> None:
    watched = Watched(layout, attended=False)
    writer = kernel("big.bin")
    writer.write(21)
    assert "What goes on writing is ended" in watched.look()[-1]
    writer.write(2)
    message = watched.look()[-1]
    assert writer.process.wait(10) == -9
    assert "was ended. Write less, or ask for more disk space. What was saved is kept" in message
    assert "ask for more disk space" in message


def test_what_is_held_for_too_long_is_ended(layout: Layout, kernel: Callable[[str], Kernel]) -> None:
    watched = Watched(layout, longest_suspension=0)
    writer = kernel("big.bin")
    writer.write(21)
    watched.look()
    writer.write(2)
    assert "for too long" in watched.look()[-1]
    assert writer.process.wait(10) == -9


def test_a_held_kernel_that_its_user_ends_is_forgotten(layout: Layout, kernel: Callable[[str], Kernel]) -> None:
    watched = Watched(layout)
    writer = kernel("big.bin")
    writer.write(21)
    watched.look()
    writer.write(2)
    assert len(watched.look()) == 2
    writer.end()
    assert len(watched.look()) == 1


def test_a_fast_writer_is_seen_before_its_turn(layout: Layout, kernel: Callable[[str], Kernel]) -> None:
    """A walk through many files is due seldom: what the whole disk holds tells that it is due now."""
    watched = Watched(layout)
    watched.disk.measure()
    watched.disk._next_walk = time.monotonic() + 3600
    (layout.outputs / "made.bin").write_bytes(os.urandom(25 * MEGABYTE))
    deadline = time.monotonic() + 10
    while not watched.told() and time.monotonic() < deadline:
        time.sleep(min(watched.disk.measure(), 0.1))
    assert "used up" in watched.told()[0]


def test_no_limit_holds_nobody(layout: Layout, kernel: Callable[[str], Kernel]) -> None:
    journal = Journal()
    disk = Disk(layout, None, process=os.getpid(), file_systems=[], journal=journal)
    writer = kernel("big.bin")
    writer.write(30)
    assert disk.measure() >= 1
    assert journal.messages() == []


# --- the file systems themselves ------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    options = "size=20m,nr_inodes=500"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("only root may mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_file_system_that_is_nearly_full_is_told_and_taken_back(small: Path, layout: Layout) -> None:
    watched = Watched(layout, file_systems=[FileSystem(small, is_in_memory=True)])
    assert watched.look() == []
    (small / "big").write_bytes(b"x" * 19 * MEGABYTE)
    (message,) = watched.look()
    assert message.startswith(f"{small} has 1.0 MB left of 20 MB.")
    assert "counts as memory" in message
    (small / "big").unlink()
    assert watched.look() == []


def test_one_that_takes_no_more_files_is_told(small: Path) -> None:
    file_system = FileSystem(small, holds_the_work=True)
    for number in range(480):
        (small / str(number)).touch()
    assert "has room for 19 more files only" in file_system.trouble()


def test_a_container_watches_what_lies_in_memory(layout: Layout) -> None:
    contained = {each.folder: each for each in file_systems.of_session(layout, "container", os.getpid())}
    assert contained[layout.root].holds_the_work
    assert contained[Path("/dev/shm")].is_in_memory
    assert Path("/dev/shm") not in {each.folder for each in file_systems.of_session(layout, "bubblewrap", os.getpid())}


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_what_a_sandbox_has_in_memory_is_watched(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_systems, "_MOUNTED_SECONDS", 0.0)
    code = "import time; open('/dev/shm/big', 'wb').write(bytes(19 << 19)); print('up', flush=True); time.sleep(600)"
    argv, environment = sandbox.command(
        [sys.executable, "-c", code],
        isolation="bubblewrap",
        writable=[layout.work],
        readable=[],
        hidden=[layout.root],
        environment={"PATH": os.environ["PATH"]},
        cwd=layout.work,
        memory_mb=20,
    )
    writable = file_systems.of_session(layout, "bubblewrap", os.getpid())
    watched = Watched(layout, file_systems=writable)
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        inside = {each.folder: each.used() for each in file_systems.in_memory(writable)}
        assert inside[Path("/dev/shm")] == 9.5 * MEGABYTE
        assert inside[Path("/tmp")] < MEGABYTE
        (message,) = watched.look()
        assert message.startswith("/dev/shm has 0.5 MB left of 10 MB. What lies there counts as memory.")
    finally:
        process.kill()
        process.communicate()
    deadline = time.monotonic() + 10
    while file_systems.in_memory(writable) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert watched.look() == [], "it ended with its sandbox"


# --- one file -------------------------------------------------------------------------------------------------------


def test_no_file_becomes_larger_than_the_limit(tmp_path: Path) -> None:
    """Python is told so; a program that knows nothing of it ends."""
    script = """
import errno, resource, subprocess
try:
    open("big", "wb").write(bytes(6 << 20))
except OSError as error:
    assert error.errno == errno.EFBIG, error
    print("refused")
try:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
except ValueError:
    print("kept")
print(subprocess.run(["dd", "if=/dev/zero", "of=more", "bs=1M", "count=6"], stderr=subprocess.DEVNULL).returncode)
"""
    log = tmp_path / "log"
    drop = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"] if os.geteuid() == 0 else []
    guarded = guardian.spawn(
        [*drop, sys.executable, "-c", script], os.environ, folder=tmp_path, log=log, largest_file=5 * MEGABYTE
    )
    assert guarded.wait(20) == 0, log.read_text()
    assert log.read_text().splitlines() == ["refused", "kept", "-25"]
    assert (tmp_path / "big").stat().st_size == (tmp_path / "more").stat().st_size == 5 * MEGABYTE
