"""Advice beside an error of a full disk (ENOSPC, EDQUOT, EFBIG), in a session's terms; runs in the kernel."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping

from nebulab import contract


def advice_for(error: OSError, environment: Mapping[str, str] = os.environ) -> str:
    """Return what to do about a full disk or a file above the session's limit; nothing for any other error."""
    limit = environment.get(contract.DISK_MB, "")
    if error.errno == errno.EFBIG and limit.isdecimal():
        return (
            f"All files of this session together may take {int(limit) / 1024:.1f} GB, and a single one a twentieth "
            "less. Write less, or ask for more disk space."
        )
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return (
            "There is no room left where this was written. Delete what you don't need there, or put it into the "
            "history and delete it here. In a container /tmp lies in memory: write large files to the working folder."
        )
    return ""
