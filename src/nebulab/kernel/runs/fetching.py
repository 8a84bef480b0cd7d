"""A result of a training as a file of the working folder; runs as a process of the kernels' environment."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

from nebulab.galaxy.download import download
from nebulab.kernel.acting import Say
from nebulab.kernel.connecting import connect


def fetch(wish: dict[str, Any], _say: Say) -> dict[str, str]:
    """Download the dataset `id` to the path `target`, or to one with a number where that is taken; return its `path`.

    Raises
    ------
    NebulabError
        As `nebulab.galaxy.download.download`.
    """
    target = free(Path(wish["target"]))
    return {"path": str(download(connect(), wish["id"], target))}


def free(target: Path) -> Path:
    """Return the path, with a number if there is a file of this name: what a person has changed there stays."""
    numbered = (target.with_name(f"{target.stem} ({number}){target.suffix}") for number in itertools.count(2))
    return next(path for path in itertools.chain([target], numbered) if not path.exists())


def main() -> int:
    """Fetch what the wish on standard input names."""
    from nebulab.kernel.acting import main as act

    return act(fetch)


if __name__ == "__main__":
    sys.exit(main())
