"""JupyterLab's kernelspecs: the session's own, and those of conda environments; runs in JupyterLab's process.

A kernelspec that a user broke is left out by Jupyter itself, with a line in its log; the others stay.
"""

# Jupyter's classes carry no types.
# mypy: disable-error-code="misc"

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager

from nebulab.session.kernels import conda


class KernelSpecs(KernelSpecManager):
    """Adds the kernels of the environments below MAMBA_ROOT_PREFIX to those that are allowed."""

    def find_kernel_specs(self) -> dict[str, str]:
        """Return the folder of each kernelspec by its name."""
        folders: dict[str, str] = super().find_kernel_specs()
        return folders | {name: str(folder) for name, (_, folder) in _conda_kernels().items()}

    def get_kernel_spec(self, kernel_name: str) -> Any:
        """Return one kernelspec; NoSuchKernel is raised if there is none of that name."""
        kernel = _conda_kernels().get(kernel_name)
        if kernel is None:
            return super().get_kernel_spec(kernel_name)
        environment, folder = kernel
        spec = self.kernel_spec_class.from_resource_dir(str(folder))
        completed = conda.completed(spec.to_dict(), environment, os.environ)
        return self.kernel_spec_class(resource_dir=str(folder), **completed)


def _conda_kernels() -> dict[str, tuple[conda.Environment, Path]]:
    root = os.environ.get("MAMBA_ROOT_PREFIX")
    return conda.kernels(Path(root)) if root else {}
