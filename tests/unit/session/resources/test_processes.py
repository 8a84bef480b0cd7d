"""Memory and processor time of real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nebulab.linux import processor_seconds
from nebulab.session.resources.processes import Processes

BUSY = "import time; held = bytearray(150 * 2**20); end = time.time() + 60\nwhile time.time() < end: pass"
CHILD = "import subprocess, sys, time; subprocess.run([sys.executable, '-c', {code!r}]); time.sleep(60)"
SECOND = "import time; end = time.process_time() + 0.5\nwhile time.process_time() < end: pass"


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that its arguments show to be a kernel, and that computes and holds 150 MB."""
    process = subprocess.Popen([sys.executable, "-c", BUSY, "-f", str(tmp_path / "kernel-1a2b-3c.json")])
    yield process
    process.kill()
    process.wait()


def test_a_kernels_memory_and_processor_time_are_its_own(kernel: subprocess.Popen[bytes]) -> None:
    processes = Processes(os.getpid())
    first = processes.measure()
    assert first.cpu is None
    before, began = processor_seconds(kernel.pid), time.monotonic()
    while processor_seconds(kernel.pid) - before < 0.3:
        time.sleep(0.01)
    second = processes.measure()
    elapsed = time.monotonic() - began
    (used,) = [each for each in second.programs if each.program.pid == kernel.pid]
    assert used.program.is_kernel
    assert used.program.name == "1a2b-3c"
    assert 150 * 2**20 < used.memory < 200 * 2**20
    assert used.cpu is not None
    assert 0.25 < used.cpu * elapsed < elapsed + 0.1
    assert second.cpu is not None
    assert second.cpu >= used.cpu
    assert second.memory > used.memory


def test_what_a_process_took_before_it_ended_is_not_lost() -> None:
    """A data loader's workers live for less than the time between two looks."""
    parent = subprocess.Popen([sys.executable, "-c", CHILD.format(code=SECOND)])
    try:
        processes = Processes(os.getpid())
        processes.measure()
        began = time.monotonic()
        tasks = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        while not tasks.read_text():
            time.sleep(0.01)
        while tasks.read_text():
            time.sleep(0.01)
        measured = processes.measure()
        assert measured.cpu is not None
        assert measured.cpu * (time.monotonic() - began) >= 0.45
    finally:
        parent.kill()
        parent.wait()


def test_an_end_between_two_looks_gives_no_negative_figure() -> None:
    child = subprocess.Popen([sys.executable, "-c", SECOND + "\ntime.sleep(60)"])
    time.sleep(0.3)
    processes = Processes(os.getpid())
    processes.measure()
    child.kill()
    child.wait()
    measured = processes.measure()
    assert measured.cpu is not None
    assert measured.cpu >= 0


def test_a_containers_own_figure_goes_before_the_sum() -> None:
    assert Processes(os.getpid()).measure(whole=12345).memory == 12345


def test_files_in_memory_count() -> None:
    processes = Processes(os.getpid())
    without, with_files = processes.measure().memory, processes.measure(files=500 * 2**20).memory
    assert with_files - without > 400 * 2**20
