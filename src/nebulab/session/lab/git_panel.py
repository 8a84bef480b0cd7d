"""JupyterLab's Git panel as a session serves it: jupyterlab-git, with what its version 0.55.0 does otherwise than its
page says; a server extension that is loaded by the first request below `/git`; runs in JupyterLab's process.
"""

# Jupyter's classes carry no types.
# mypy: disable-error-code="misc"

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import jupyterlab_git
from jupyterlab_git_core.git import Git, execute

_OF_THE_SESSION = frozenset({"user.name", "user.email", "credential.helper"})
"""Settings for all repositories: the author is asked for once, and a login kept in memory before there is a clone."""


class Panel(Git):
    """Git's commands for the panel."""

    async def clone(
        self,
        path: str,
        repo_url: str,
        auth: dict[str, Any] | None = None,
        versioning: bool = True,
        submodules: bool = False,
    ) -> dict[str, Any]:
        """Clone a repository, or only download it where that is ticked.

        The page sends `versioning` the wrong way round: true where the repository is only to be downloaded. By itself
        jupyterlab-git then deletes the `.git` of each clone, and asks for no login where the server wants one.
        """
        before = _folders(path)
        response: dict[str, Any] = await super().clone(path, repo_url, auth, True, submodules)
        if versioning and response["code"] == 0:
            for name in _folders(path) - before:
                shutil.rmtree(Path(path) / name / ".git", ignore_errors=True)
        return response

    async def config(self, path: str, **options: str) -> dict[str, Any]:
        """Return Git's options, or set some: those of `_OF_THE_SESSION` for all repositories."""
        if not options or not set(options) <= _OF_THE_SESSION:
            return dict(await super().config(path, **options))
        for name, value in options.items():
            code, _, error = await execute(["git", "config", "--global", name, value], cwd=path)
            if code != 0:
                return {"code": code, "command": f"git config --global {name}", "message": error.strip()}
        return {"code": 0, "message": ""}


def _folders(path: str) -> set[str]:
    with os.scandir(path) as entries:
        return {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    jupyterlab_git._load_jupyter_server_extension(app)
    app.web_app.settings["git"] = Panel(jupyterlab_git.JupyterLabGit(config=app.config))
