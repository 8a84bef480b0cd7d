"""A connection file that the kernel is just writing: the manager waits for its text, and not for ever."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from jupyter_client import AsyncKernelManager

from nebulab.session.kernels import connection
from nebulab.session.kernels.connection import PatientReading


class Manager(PatientReading, AsyncKernelManager):  # type: ignore[misc] # Jupyter has no types
    """As JupyterLab's, without its server."""


def started(tmp_path: Path) -> Manager:
    """Return the manager of a kernel whose connection file is written, as the provisioner does."""
    manager = Manager(connection_file=str(tmp_path / "kernel.json"))
    manager.write_connection_file()
    return manager


def test_a_file_that_the_kernel_writes_anew_is_read_again(tmp_path: Path) -> None:
    manager = started(tmp_path)
    file = tmp_path / "kernel.json"
    whole = file.read_text()
    file.write_text("")
    timer = threading.Timer(0.05, file.write_text, [whole])
    timer.start()
    manager._reconcile_connection_info(manager.get_connection_info())
    timer.join()
    assert file.read_text() == whole


def test_a_file_that_stays_broken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_REWRITE_SECONDS", 0.05)
    manager = started(tmp_path)
    (tmp_path / "kernel.json").write_text("")
    began = time.monotonic()
    with pytest.raises(json.JSONDecodeError):
        manager._reconcile_connection_info(manager.get_connection_info())
    assert time.monotonic() - began < 5
