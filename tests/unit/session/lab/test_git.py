"""Git knows the user as Galaxy does, and what the user tells it prevails."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nebulab.session.lab import git
from support.fake_galaxy import KEY, FakeGalaxy


def asked(home: Path, name: str) -> str:
    environment = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1"}
    told = subprocess.run(["git", "config", name], env=environment, capture_output=True, text=True, cwd=home)
    return told.stdout.strip()


@pytest.mark.parametrize("name", ["ada", 'Ada "the first" Lovelace', "back\\slash; # no comment", "two\nlines = x"])
def test_git_reads_what_was_written(tmp_path: Path, name: str) -> None:
    path = git.configuration({"HOME": str(tmp_path)})
    git.write(path, {"username": name, "email": "ada@example.org"})
    assert asked(tmp_path, "user.name") == name.replace("\n", "")
    assert asked(tmp_path, "user.email") == "ada@example.org"
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = My own\n")
    assert asked(tmp_path, "user.name") == "My own"
    assert asked(tmp_path, "user.email") == "ada@example.org"


def test_nobody_is_told_as_nobody(tmp_path: Path) -> None:
    path = tmp_path / "config"
    git.write(path, {"username": None, "email": None})
    assert not path.exists()


async def test_galaxy_is_asked_once(tmp_path: Path) -> None:
    galaxy = FakeGalaxy()
    galaxy.answers["users/current"] = {"username": "ada", "email": "ada@example.org"}
    session = {"GALAXY_URL": galaxy.url, "API_KEY": KEY, "HOME": str(tmp_path)}
    try:
        await git.introduce({"HOME": str(tmp_path)})
        assert asked(tmp_path, "user.name") == ""
        await git.introduce(session)
        assert asked(tmp_path, "user.name") == "ada"
        await git.introduce(session)
        assert galaxy.count("GET /api/users/current") == 1
    finally:
        galaxy.stop()


async def test_a_galaxy_that_is_away_costs_nothing(tmp_path: Path) -> None:
    await git.introduce({"GALAXY_URL": "http://127.0.0.1:9", "API_KEY": "x", "HOME": str(tmp_path)})
    assert asked(tmp_path, "user.name") == ""
