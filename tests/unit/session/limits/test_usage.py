"""What a session's files take: blocks, each counted once, nothing beyond the session's own folders."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nebulab.session.layout import Layout
from nebulab.session.limits.usage import measure

MEGABYTE = 2**20


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "working")
    for folder in (layout.outputs, layout.overlay, layout.cache, layout.home, layout.mirror):
        folder.mkdir(parents=True)
    return layout


def fill(path: Path, megabytes: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(megabytes * MEGABYTE))
    return path


def taken(layout: Layout, processes: int | None = None) -> int:
    """In whole megabytes; the folders themselves take less than one."""
    return measure(layout, processes).bytes // MEGABYTE


def test_all_that_a_session_writes_counts(layout: Layout) -> None:
    fill(layout.outputs / "made.bin", 4)
    fill(layout.overlay / "lib" / "package.so", 3)
    fill(layout.cache / "fetched", 2)
    fill(layout.server_log, 1)
    usage = measure(layout)
    assert usage.bytes // MEGABYTE == 10
    assert usage.files == 4
    assert usage.largest() == (
        "'outputs/made.bin' (4.0 MB), the packages that you installed (3.0 MB), fetched datasets (2.0 MB)"
    )


def test_a_folder_of_many_files_is_named_as_a_folder(layout: Layout) -> None:
    for number in range(4):
        fill(layout.work / "run" / "deep" / f"{number}.npy", 1)
    assert measure(layout).largest() == "'run'/ (4.0 MB)"


def test_what_the_mirror_links_is_counted_once(layout: Layout) -> None:
    made = fill(layout.outputs / "made.bin", 2)
    os.link(made, layout.mirror / "1")
    assert taken(layout) == 2
    assert measure(layout).largest() == "'outputs/made.bin' (2.0 MB)"
    made.unlink()
    assert taken(layout) == 2


def test_a_file_with_holes_takes_what_is_in_it(layout: Layout) -> None:
    with (layout.work / "sparse").open("wb") as file:
        file.truncate(100 * MEGABYTE)
    assert taken(layout) == 0


def test_a_file_of_holes_among_the_outputs_takes_what_its_copy_will(layout: Layout) -> None:
    made = fill(layout.outputs / "made.bin", 2)
    os.truncate(made, 100 * MEGABYTE)
    assert taken(layout) == 2, "not yet, or no longer, one of those that Galaxy collects"
    os.link(made, layout.mirror / "1")
    assert taken(layout) == 100
    assert measure(layout).largest() == "'outputs/made.bin' (100 MB)"
    os.link(made, layout.mirror / "2")
    assert taken(layout) == 200, "a second name is copied too"
    made.unlink()
    assert taken(layout) == 200


def test_links_lead_nowhere(layout: Layout, tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere" / "big", 5)
    (layout.work / "folder").symlink_to(tmp_path / "elsewhere")
    (layout.work / "file").symlink_to(tmp_path / "elsewhere" / "big")
    (layout.work / "itself").symlink_to(layout.work)
    assert taken(layout) == 0


def test_another_file_system_has_a_room_of_its_own(layout: Layout) -> None:
    place = layout.work / "a mount"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount")
    try:
        fill(place / "big", 5)
        assert taken(layout) == 0
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_persons_own_folder_and_the_sessions_own_both_count(tmp_path: Path) -> None:
    """On a laptop they lie apart, or one in the other."""
    for folder in (tmp_path / "analysis", tmp_path / "state" / "jupyter", tmp_path):
        layout = Layout(tmp_path / "state", folder)
        layout.own.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        mine, theirs = fill(folder / "mine", 2), fill(layout.own / "theirs", 1)
        assert taken(layout) == 3, folder
        mine.unlink()
        theirs.unlink()


def test_a_deleted_file_that_is_still_open_takes_room(layout: Layout) -> None:
    script = "import os, sys, time\nfile = open(sys.argv[1], 'wb')\nfile.write(os.urandom(4 << 20))\nfile.flush()\n"
    script += "os.unlink(sys.argv[1])\nprint('up', flush=True)\ntime.sleep(600)"
    path = layout.work / "gone"
    process = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    try:
        assert taken(layout) == 0
        usage = measure(layout, os.getpid())
        assert usage.bytes // MEGABYTE == 4
        assert usage.largest() == "deleted files that a program still has open (4.0 MB)"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


MAPPED = """
import mmap, os, sys, time
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
os.write(file, os.urandom(4 << 20))
mapped = mmap.mmap(file, int(sys.argv[2]) << 20)
os.unlink(sys.argv[1])
os.close(file)
if sys.argv[3:]:
    # Python keeps a descriptor of its own.
    for name in os.listdir("/proc/self/fd"):
        try:
            os.close(int(name) if int(name) > 2 else -1)
        except OSError:
            pass
print("up", flush=True)
time.sleep(600)
"""
MEASURE = """
import sys
from pathlib import Path
from nebulab.session.layout import Layout
from nebulab.session.limits.usage import measure
print(measure(Layout(Path(sys.argv[1])), int(sys.argv[2])).bytes >> 20)
"""


@pytest.fixture
def mapping(layout: Layout) -> Iterator[int]:
    """A process below this one that has a deleted file of 4 MB mapped, 3 MB of it, and not open."""
    arguments = [sys.executable, "-c", MAPPED, str(layout.work / "gone"), "3", "close"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    yield process.pid
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_deleted_file_that_is_mapped_takes_room(layout: Layout, mapping: int) -> None:
    """It is open nowhere: `mmap`, `unlink`, `close`."""
    links = [str(link.readlink()) for link in Path(f"/proc/{mapping}/fd").iterdir()]
    assert not any("gone" in link for link in links)
    whole = 4 if os.geteuid() == 0 else 3
    assert taken(layout, os.getpid()) == whole


def test_who_is_not_root_counts_what_is_mapped(layout: Layout, mapping: int) -> None:
    drop = ["setpriv", "--bounding-set=-sys_admin,-checkpoint_restore"] if os.geteuid() == 0 else []
    arguments = [*drop, sys.executable, "-c", MEASURE, str(layout.root), str(os.getpid())]
    assert subprocess.run(arguments, capture_output=True, text=True, check=True).stdout == "3\n"


def test_no_folder_is_too_deep_to_count(layout: Layout) -> None:
    """Deeper than a path may be long, with few descriptors, and every folder on the way counts to its end."""
    opened = os.open(layout.work, os.O_RDONLY)
    for depth in range(500):
        if depth % 250 == 0:
            fill_in(opened, "before", 1)
            os.mkdir("z", dir_fd=opened)
            inner = os.open("z", os.O_RDONLY, dir_fd=opened)
            fill_in(inner, "beside", 1)
            os.close(inner)
        os.mkdir("a name of some length", dir_fd=opened)
        inner = os.open("a name of some length", os.O_RDONLY, dir_fd=opened)
        os.close(opened)
        opened = inner
    fill_in(opened, "bottom", 3)
    os.close(opened)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 80, hard))
    try:
        assert taken(layout) == 7
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    subprocess.run(["rm", "-r", str(layout.work)], check=True)


def fill_in(folder: int, name: str, megabytes: int) -> None:
    with os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=folder), "wb") as file:
        file.write(os.urandom(megabytes * MEGABYTE))


def test_many_files_cost_little(layout: Layout) -> None:
    """Processor time: a hundred thousand files then take some 0.3 s, a fiftieth of which is the watch's share."""
    for number in range(5000):
        (layout.outputs / str(number)).touch()
    measure(layout)
    began = time.process_time()
    assert measure(layout).files == 5000
    assert time.process_time() - began < 0.5
