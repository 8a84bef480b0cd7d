"""The seccomp filter of sessions in bubblewrap and Apptainer: refuses what no notebook needs; runs in the session.

The filters, one for each kind of processor, are programs that libseccomp made (`nebulab.develop.seccomp_filters` has
the list of calls, and why): a session needs neither that library nor the milliseconds.
"""

from __future__ import annotations

import platform
from pathlib import Path

_STATUS = Path("/proc/self/status")


def filter_file() -> Path | None:
    """Return the filter for this machine, or None if there is none or its kernel takes none."""
    path = Path(__file__).with_name(f"{platform.machine()}.bpf")
    return path if path.is_file() and _kernel_has_seccomp() else None


def why_not() -> str:
    """Return why sessions run without a filter here, or nothing."""
    if not _kernel_has_seccomp():
        return "this kernel was built without seccomp"
    return "" if filter_file() else f"there is no filter for {platform.machine()}"


def _kernel_has_seccomp() -> bool:
    try:
        return "\nSeccomp:" in _STATUS.read_text()
    except OSError:
        return False
