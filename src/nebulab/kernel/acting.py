"""The other side of `nebulab.session.lab.acting`: reads a wish, does it, writes progress and result as lines of JSON;
runs in the kernels' environment."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, TextIO

from nebulab.errors import NebulabError

Say = Callable[[dict[str, Any]], None]


def main(do: Callable[[dict[str, Any], Say], Any]) -> int:
    """Call `do` with the wish on standard input and a function that writes an object; return the exit code.

    What libraries print goes to standard error, so that it can't be taken for an answer.
    """
    answers, sys.stdout = sys.stdout, sys.stderr

    def say(said: dict[str, Any]) -> None:
        _write(answers, said)

    try:
        say({"result": do(json.load(sys.stdin), say)})
    except NebulabError as error:
        say({"error": error.message, "hint": error.hint})
        return error.exit_code
    return 0


def _write(stream: TextIO, said: dict[str, Any]) -> None:
    stream.write(json.dumps(said) + "\n")
    stream.flush()
