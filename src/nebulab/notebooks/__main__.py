"""`python -m nebulab.notebooks NOTEBOOK`: run a notebook in place, without a browser; runs in a batch job's sandbox."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nebulab.errors import NotebookError


def main() -> int:
    """Run the notebook that the arguments name; what went wrong goes to the file that the session reads."""
    parser = argparse.ArgumentParser(prog="python -m nebulab.notebooks", description="Run a notebook in place.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--failure", type=Path, help="write here what failed, instead of to the error stream")
    options = parser.parse_args()
    from nebulab.notebooks.execution import execute

    try:
        execute(options.notebook.resolve())
    except NotebookError as error:
        if options.failure:
            options.failure.write_text(str(error), encoding="utf-8")
        else:
            print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
