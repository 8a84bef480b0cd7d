"""`nebulab lab` on environments that need no installing; a process of its own for unit tests."""

from __future__ import annotations

from nebulab.cli import main
from nebulab.stack import environments

if __name__ == "__main__":
    environments.install_missing = lambda *_, **__: []
    main()
