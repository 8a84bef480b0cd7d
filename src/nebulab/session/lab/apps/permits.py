"""The notebooks that a person has opened as apps in this session; runs in JupyterLab's process."""

from __future__ import annotations


class Permits:
    """Paths of notebooks below the working folder."""

    def __init__(self) -> None:
        self._paths: set[str] = set()

    def add(self, path: str) -> None:
        """Let the notebook at `path` be run by its address."""
        self._paths.add(path.strip("/"))

    def __contains__(self, path: str) -> bool:
        return path.strip("/") in self._paths
