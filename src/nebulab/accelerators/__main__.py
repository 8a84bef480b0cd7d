"""`python -m nebulab.accelerators`: the GPUs by NVML, as JSON; the process that `asking` starts."""

from __future__ import annotations

import json

from nebulab.accelerators.nvml import Nvml

if __name__ == "__main__":
    print(json.dumps(Nvml().look().to_json()))
