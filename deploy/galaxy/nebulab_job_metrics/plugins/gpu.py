"""The plug-in `gpu` of Galaxy's job metrics: hours, model, memory and load of a job's GPUs; runs in Galaxy.

Galaxy finds it in its own folder of plug-ins (`galaxy/job_metrics/instrumenters/`), where a link to this file does, and
uses it where job_metrics_conf.yml or a destination's `metrics` has `- type: gpu`. docs/gate.md explains it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from galaxy.job_metrics.formatting import FormattedMetric, JobMetricFormatter
from galaxy.job_metrics.instrumenters import InstrumentPlugin
from galaxy.job_metrics.safety import Safety

_SAMPLER = Path(__file__).resolve().parents[1] / "sampler.py"
_END = "END_OF_THE_SAMPLER"
_SECONDS = 5.0
_TITLES = {
    "model": "GPU",
    "gpu_count": "GPUs",
    "gpu_hours": "GPU hours",
    "mig_count": "GPU slices (MIG)",
    "mig_hours": "Hours of GPU slices (MIG)",
    "memory_peak_mb": "GPU memory, highest use of one GPU",
    "memory_total_mb": "GPU memory of one GPU",
    "load_mean_percent": "GPU load, mean",
    "idle_percent": "GPU idle, share of the time",
    "idle_hours": "GPU idle, hours",
}


class GpuFormatter(JobMetricFormatter):
    """What the job's page shows."""

    def format(self, key: str, value: Any) -> FormattedMetric:
        """Return title and text of a figure."""
        title = _TITLES.get(key, key)
        if key == "model":
            return FormattedMetric(title, str(value))
        number = float(value)
        if key.endswith("_mb"):
            return FormattedMetric(title, f"{number / 1024:.1f} GiB")
        if key.endswith("_percent"):
            return FormattedMetric(title, f"{number:.0f} %")
        if key.endswith("_hours"):
            return FormattedMetric(title, f"{number:.2f} h" if number >= 1 else f"{number * 60:.1f} min")
        return FormattedMetric(title, f"{number:.0f}")


class GpuPlugin(InstrumentPlugin):
    """Has a sampler run beside each job, and reads what it left."""

    plugin_type = "gpu"
    formatter = GpuFormatter()
    # Nothing but the job's own figures: its owner sees them.
    default_safety = Safety.SAFE

    def __init__(self, **kwargs: Any) -> None:
        self.seconds = float(kwargs.get("seconds", _SECONDS))

    def pre_execute_instrument(self, job_directory: str) -> list[str]:
        """Return the commands that write the sampler into the job's folder and start it, if the node has a Python 3."""
        sampler, figures = (self._instrument_file_path(job_directory, name) for name in ("sampler", "figures"))
        # In the job's script, since the node may see neither this folder nor Galaxy's environment. Python's -I: the
        # job's variables are the tool's.
        return [
            f"cat > '{sampler}' <<'{_END}'\n{_SAMPLER.read_text(encoding='utf-8')}{_END}",
            "_nebulab_gpu_sampler=; for _nebulab_python in /usr/bin/python3 python3; do "
            'if command -v "$_nebulab_python" >/dev/null 2>&1; then '
            f"\"$_nebulab_python\" -I '{sampler}' '{figures}' $$ {self.seconds} </dev/null >/dev/null 2>&1 & "
            # Where the shell would tell of a process that is killed.
            '_nebulab_gpu_sampler=$!; disown "$_nebulab_gpu_sampler" 2>/dev/null; break; fi; done',
        ]

    def post_execute_instrument(self, job_directory: str) -> list[str]:
        """Return the command that has the sampler write its last figures and end; a driver that hangs holds no job."""
        return [
            'if [ -n "$_nebulab_gpu_sampler" ]; then kill "$_nebulab_gpu_sampler" 2>/dev/null; '
            "for _nebulab_try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "
            'kill -0 "$_nebulab_gpu_sampler" 2>/dev/null || break; sleep 0.1; done; '
            'kill -9 "$_nebulab_gpu_sampler" 2>/dev/null; fi'
        ]

    def job_properties(self, job_id: Any, job_directory: str) -> dict[str, Any]:
        """Return the figures; none where there is no GPU."""
        path = Path(self._instrument_file_path(job_directory, "figures"))
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        # The job itself may have written there.
        if not isinstance(told, dict):
            return {}
        return {name: value for name, value in told.items() if name in _TITLES and _plausible(name, value)}


def _plausible(name: str, value: Any) -> bool:
    if name == "model":
        return isinstance(value, str)
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


__all__ = ("GpuPlugin",)
