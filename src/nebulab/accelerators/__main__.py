"""`python -m nebulab.accelerators`: the GPUs by NVML, as JSON; the process that `asking` and `following` start.

With `--follow` it answers once for each line on its standard input, until that ends.
"""

from __future__ import annotations

import json
import sys

from nebulab.accelerators.nvml import Nvml


def _tell(nvml: Nvml) -> None:
    print(json.dumps(nvml.look().to_json()), flush=True)


if __name__ == "__main__":
    asked = Nvml()
    if "--follow" in sys.argv[1:]:
        for _ in sys.stdin:
            _tell(asked)
    else:
        _tell(asked)
