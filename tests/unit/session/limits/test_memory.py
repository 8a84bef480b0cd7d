"""The largest kernel is ended before the session needs more than it has."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nebulab import linux
from nebulab.linux import descendants
from nebulab.session.limits import memory

MEGABYTE = 1024 * 1024
# What a kernelspec starts, as far as a look at its arguments goes.
KERNEL = """
import sys, time
held = bytearray(int(sys.argv[1]) * 1024 * 1024)
held[::4096] = b"x" * len(held[::4096])
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def kernels() -> Iterator[dict[int, subprocess.Popen[bytes]]]:
    """A kernel of 30 MB and one of 120 MB."""
    started = {}
    for size in (30, 120):
        arguments = [sys.executable, "-c", KERNEL, str(size), "-f", f"/tmp/kernel-{size}.json"]
        process = started[size] = subprocess.Popen(arguments, stdout=subprocess.PIPE)
        assert process.stdout
        process.stdout.readline()
    yield started
    for process in started.values():
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def test_the_largest_kernel_is_found_and_killed(kernels: dict[int, subprocess.Popen[bytes]]) -> None:
    largest = memory.largest(os.getpid())
    assert largest is not None
    program, size = largest
    assert (program.pid, program.is_kernel) == (kernels[120].pid, True)
    assert 120 * MEGABYTE < size < 200 * MEGABYTE
    memory.kill(program)
    assert kernels[120].wait(10) == -9
    assert kernels[30].poll() is None


def test_a_program_in_a_terminal_that_holds_more_is_found_too(kernels: dict[int, subprocess.Popen[bytes]]) -> None:
    program = subprocess.Popen([sys.executable, "-c", KERNEL, "200"], stdout=subprocess.PIPE)
    assert program.stdout
    program.stdout.readline()
    try:
        largest = memory.largest(os.getpid())
        assert largest is not None
        assert (largest[0].pid, largest[0].is_kernel) == (program.pid, False)
    finally:
        program.kill()
        program.wait()
        program.stdout.close()


def test_what_a_session_holds_is_counted_with_all_below_it(kernels: dict[int, subprocess.Popen[bytes]]) -> None:
    own = linux.proportional(os.getpid())
    assert own + 150 * MEGABYTE < memory.used(os.getpid(), MEGABYTE) < own + 300 * MEGABYTE


def test_pages_that_processes_share_are_counted_once() -> None:
    """Data loaders fork: each seems to hold all that its parent holds."""
    script = """
import os, time
held = bytearray(100 * 1024 * 1024)
held[::4096] = b"x" * len(held[::4096])
for _ in range(5):
    if os.fork() == 0:
        time.sleep(600)
print("up", flush=True)
time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    try:
        assert sum(map(linux.resident, [process.pid, *descendants(process.pid)])) > 500 * MEGABYTE
        assert memory.used(process.pid, 400 * MEGABYTE) < 200 * MEGABYTE
    finally:
        for pid in descendants(process.pid):
            os.kill(pid, 9)
        process.kill()
        process.wait()
        process.stdout.close()


def test_files_in_memory_count_and_those_that_are_mapped_count_once() -> None:
    """Data loaders pass their batches through such files, which are in the figures of their processes too."""
    script = """
import mmap, sys, time
with open(sys.argv[1], "w+b") as file:
    file.truncate(100 << 20)
    held = mmap.mmap(file.fileno(), 0)
held[::4096] = b"x" * len(held[::4096])
print("up", flush=True)
time.sleep(600)
"""
    file = Path(f"/dev/shm/nebulab-test-{os.getpid()}")
    process = subprocess.Popen([sys.executable, "-c", script, str(file)], stdout=subprocess.PIPE)
    assert process.stdout
    try:
        process.stdout.readline()
        own, limit = linux.proportional(process.pid), 10 * MEGABYTE
        assert 100 * MEGABYTE < own < 150 * MEGABYTE
        assert abs(memory.used(process.pid, limit, 100 * MEGABYTE) - own) < 5 * MEGABYTE
        assert abs(memory.used(process.pid, limit, 180 * MEGABYTE) - own - 80 * MEGABYTE) < 5 * MEGABYTE
        assert memory.used(process.pid, 1 << 40, 300 * MEGABYTE) > 400 * MEGABYTE
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        file.unlink()


def test_a_process_that_is_gone_holds_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    time.sleep(0)
    assert not Path(f"/proc/{gone.pid}").exists()
    assert linux.proportional(gone.pid) == 0


def test_what_the_system_ended_is_read_from_either_kind_of_control_group(tmp_path: Path) -> None:
    second, first, none = tmp_path / "memory.events", tmp_path / "memory.oom_control", tmp_path / "none"
    second.write_text("low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n")
    first.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n")
    assert memory.killed_by_system([str(second)]) == 2
    assert memory.killed_by_system([str(none), str(first)]) == 5
    assert memory.killed_by_system([str(none)]) == 0


def test_a_containers_memory_counts_what_it_cannot_give_back(tmp_path: Path) -> None:
    limit, statistics = tmp_path / "memory.max", tmp_path / "memory.stat"
    files = [(str(limit), str(statistics), "anon", "shmem")]
    assert memory.of_container(files) is None
    statistics.write_text("anon 300\nfile 5000\nkernel 70\nshmem 200\n")
    limit.write_text("4096\n")
    assert memory.of_container(files) == 500
    for unlimited in ("max", "9223372036854771712"):
        limit.write_text(unlimited)
        assert memory.of_container(files) is None


def test_a_program_that_has_just_ended_holds_nothing() -> None:
    ended = subprocess.Popen(["true"])
    time.sleep(0.3)  # not waited for: it stays as a zombie, without arguments
    largest = memory.largest(os.getpid())
    assert largest is None or largest[0].pid != ended.pid
    ended.wait()
