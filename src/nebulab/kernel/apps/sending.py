"""A file of the session into its history, for the Lab's page (`nebulab.session.lab.acting`); runs in the kernels'
environment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from nebulab.kernel.acting import Say, main
from nebulab.kernel.histories import History


def send(wish: dict[str, Any], say: Say) -> dict[str, Any]:
    """Put the file `path` into the history as datatype `ext`; answer with its dataset's number and name.

    Raises
    ------
    NebulabError
        Galaxy does not take it.
    """
    dataset = History().put(Path(wish["path"]), ext=wish.get("ext"), wait=False)
    return {"hid": dataset.hid, "name": dataset.name}


if __name__ == "__main__":
    sys.exit(main(send))
