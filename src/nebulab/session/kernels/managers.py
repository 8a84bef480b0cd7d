"""JupyterLab's manager of one kernel; runs in JupyterLab's process."""

# Jupyter's classes carry no types.
# mypy: disable-error-code="misc"

from __future__ import annotations

from jupyter_server.services.kernels.kernelmanager import ServerKernelManager

from nebulab.session.kernels.connection import PatientReading


class KernelManager(PatientReading, ServerKernelManager):
    """Jupyter's own, which reads the connection file again while the kernel writes it."""
