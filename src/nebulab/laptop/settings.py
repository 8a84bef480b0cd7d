"""Settings of `nebulab lab`, and the folder of its own files; runs in a terminal."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nebulab import contract
from nebulab.errors import SettingsError
from nebulab.stack.places import data_folder
from nebulab.stack.sizes import megabytes
from nebulab.variables import Choice, Setting

GPUS = ("auto", "none", "all")
_SMALLEST_MB = 512

ISOLATION = Setting(
    contract.ISOLATION,
    "auto",
    kind=Choice(contract.ISOLATIONS),
    help="Without a container: what notebooks run in; `auto` takes bubblewrap where it works.",
)


@dataclass(frozen=True)
class LabSettings:
    """Settings of one Lab.

    Attributes
    ----------
    folder
        The person's folder.
    state
        A folder for this folder's Lab: its lock, its port, its HOME in the container, the person's packages.
    container
        Whether a container may be used.
    engine, image
        None: the first engine that works, the image that fits the GPUs.
    build
        Whether a missing image is built.
    gpus
        `auto`, `none` or `all`.
    memory_mb
        None: three quarters of the machine's.
    port
        None: the last one of this folder if it is free, else any free one.
    """

    folder: Path
    state: Path
    container: bool = True
    engine: str | None = None
    image: str | None = None
    build: bool = False
    gpus: str = "auto"
    memory_mb: int | None = None
    port: int | None = None

    @property
    def wants_container(self) -> bool:
        """Whether an option was given that needs a container."""
        return self.container and bool(self.engine or self.image or self.build)


def read(  # noqa: PLR0913 - each is given by name
    folder: Path,
    environ: Mapping[str, str],
    *,
    container: bool = True,
    engine: str | None = None,
    image: str | None = None,
    build: bool = False,
    gpus: str = "auto",
    memory: str | None = None,
    port: int | None = None,
) -> LabSettings:
    """Combine the command line's options and the environment; `memory` is such as `8g` or `900m`.

    Raises
    ------
    SettingsError
        An option has no usable value, or two contradict each other.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise SettingsError(f"There is no folder {folder}.", "Make it, or name another one: nebulab lab FOLDER")
    if not container and (engine or image or build):
        raise SettingsError(
            "--no-container goes with none of --engine, --image and --build.", "Leave out the one or the others."
        )
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]
    return LabSettings(
        folder=folder,
        state=data_folder(environ) / "laptop" / f"{folder.name}-{mark}",
        container=container,
        engine=engine,
        image=image,
        build=build,
        gpus=gpus,
        memory_mb=megabytes(memory, "--memory", _SMALLEST_MB) if memory else None,
        port=port,
    )
