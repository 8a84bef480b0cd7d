"""The kernels that can run a notebook without a session: Jupyter's, and that of the kernels' environment; runs in a
batch job."""

# Jupyter's classes carry no types.
# mypy: disable-error-code="misc"

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager

from nebulab import contract

_NAME = "python3"
_EXTENSION = "nebulab.kernel"


class KernelSpecs(KernelSpecManager):
    """Jupyter's kernelspecs; `python3` is that of the environment which NEBULAB_KERNELS names, if it names one.

    Jupyter's own of that name is a bare kernel: the Lab's environment has none of the libraries.
    """

    def find_kernel_specs(self) -> dict[str, str]:
        """Return the folder of each kernelspec by its name."""
        folders: dict[str, str] = super().find_kernel_specs()
        folder = _folder()
        return folders | ({_NAME: str(folder)} if folder else {})

    def get_kernel_spec(self, kernel_name: str) -> Any:
        """Return one kernelspec; NoSuchKernel is raised if there is none of that name."""
        folder = _folder()
        if folder is None or kernel_name != _NAME:
            return super().get_kernel_spec(kernel_name)
        content = json.loads((folder / "kernel.json").read_bytes())
        # Its argv names `python`, which for Jupyter is the Python of the process that starts the kernel.
        python = str(folder.parents[3] / "bin" / "python")
        content["argv"] = [python, *content["argv"][1:], "--ext", _EXTENSION]
        return self.kernel_spec_class(resource_dir=str(folder), **content)


def _folder() -> Path | None:
    """Return the folder of the kernelspec in the kernels' environment, or None."""
    environment = os.environ.get(contract.KERNELS)
    folder = Path(environment or os.devnull) / "share" / "jupyter" / "kernels" / _NAME
    return folder if (folder / "kernel.json").is_file() else None
