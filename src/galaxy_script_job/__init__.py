"""The predecessor's module of `run_script_job`, for notebooks that import it; runs in the kernel."""

from nebulab.kernel import run_script_job

__all__ = ["run_script_job"]
