"""Where Nebulab keeps its files on a machine; runs in a terminal, also where nothing but this package is installed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nebulab import contract
from nebulab.variables import PLACE, Setting

DATA = Setting(
    contract.DATA_DIR,
    kind=PLACE,
    unset="`nebulab` below `XDG_DATA_HOME` or `~/.local/share`",
    help="The folder of everything that `nebulab up` and `nebulab lab` write.",
)
ENVIRONMENTS = Setting(
    contract.ENVIRONMENTS,
    kind=PLACE,
    unset="`environments` in the data folder",
    help="The folder of the Python environments; stacks, checkouts and tests may share one.",
)


def data_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of everything that Nebulab writes on this machine, absolute."""
    home = Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return absolute(DATA.read(environ) or home / "nebulab")


def environments_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of the Python environments, absolute."""
    return absolute(ENVIRONMENTS.read(environ) or data_folder(environ) / "environments")


def absolute(path: str | Path) -> Path:
    """Return a path that a person gave, absolute, with `~` expanded."""
    return Path(path).expanduser().absolute()
