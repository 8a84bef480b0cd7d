"""The filters that are kept are those which libseccomp makes of the list; test_sandbox.py tries that they hold."""

from __future__ import annotations

import ctypes.util
import platform
from pathlib import Path

import pytest

from nebulab import seccomp
from nebulab.develop import seccomp_filters


@pytest.mark.parametrize("machine", seccomp_filters.MACHINES)
def test_the_filters_are_current(machine: str) -> None:
    if ctypes.util.find_library("seccomp") is None:
        pytest.skip("no libseccomp on this machine (apt package: libseccomp2)")
    kept = Path(seccomp.__file__).with_name(f"{machine}.bpf").read_bytes()
    assert seccomp_filters.program(machine) == kept, f"run {seccomp_filters.COMMAND}"


def test_a_kernel_without_seccomp_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "status").write_text("Name:\tpython\n")
    monkeypatch.setattr(seccomp, "_STATUS", tmp_path / "status")
    assert seccomp.filter_file() is None
    assert "without seccomp" in seccomp.why_not()
    monkeypatch.setattr(seccomp, "_STATUS", tmp_path / "absent")
    assert seccomp.filter_file() is None
    (tmp_path / "absent").write_text("NoNewPrivs:\t0\nSeccomp:\t0\n")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert seccomp.why_not() == ""
