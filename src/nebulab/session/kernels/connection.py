"""The connection file of a kernel that starts: who reads it while the kernel writes it reads it again."""

from __future__ import annotations

import json
import time
from typing import Any

_REWRITE_SECONDS = 2.0
_POLL_SECONDS = 0.005


class PatientReading:
    """Goes before one of Jupyter's kernel managers, which asks for patience in one place.

    The manager compares the connection file with the ports and keys that it gave, as soon as the kernel listens. At
    that very moment an encrypted ipykernel writes the same values anew: it takes the keys, which it reads as text, for
    others than its own, which are bytes. The file is empty for an instant, and the kernel did not start: "Expecting
    value: line 1 column 1 (char 0)".
    """

    def _reconcile_connection_info(self, info: Any) -> None:
        deadline = time.monotonic() + _REWRITE_SECONDS
        while True:
            try:
                super()._reconcile_connection_info(info)  # type: ignore[misc] # of the manager that comes after it
            except json.JSONDecodeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)
            else:
                return
