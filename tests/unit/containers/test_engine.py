"""Finding a container engine: the first that works, and why the others don't."""

from __future__ import annotations

from pathlib import Path

import pytest

from nebulab.containers import engine
from nebulab.containers.engine import Engine
from nebulab.errors import SettingsError


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it but what a test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_the_first_that_works_is_taken(programs: Path) -> None:
    put(programs, "docker", "exit 1")
    put(programs, "podman", "exit 0")
    put(programs, "buildah", "exit 0")
    assert engine.find() == Engine("podman")
    assert engine.find("buildah", to_run=False) == Engine("buildah")


def test_each_reason_is_told_where_none_works(programs: Path) -> None:
    put(programs, "docker", "exit 1")
    put(programs, "buildah", "exit 0")
    with pytest.raises(SettingsError) as caught:
        engine.find()
    for reason in ("`docker info` fails", "podman is not installed", "buildah only builds"):
        assert reason in caught.value.message
    assert caught.value.hint


def test_one_that_was_asked_for_is_not_replaced(programs: Path) -> None:
    put(programs, "podman", "exit 0")
    with pytest.raises(SettingsError, match="docker is not installed"):
        engine.find("docker")


def test_an_engine_that_hangs_or_fails_says_nothing(programs: Path) -> None:
    put(programs, "podman", "case $1 in info) echo fine;; slow) /bin/sleep 20;; *) exit 3;; esac")
    assert Engine("podman").ask("info") == "fine"
    assert Engine("podman").ask("other") is None
    assert Engine("podman").ask("slow", seconds=0.2) is None
    assert Engine("docker").ask("info") is None
    assert not Engine("podman").has_image("any")
