"""The engine's command for a Lab: its walls, its mounts, whose files; and which image it runs."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from nebulab.containers.engine import Engine
from nebulab.containers.walls import HOME
from nebulab.errors import ImageError, SettingsError
from nebulab.laptop import container, settings
from nebulab.laptop.gpus import Choice
from nebulab.laptop.login import Login

CPU = Choice(False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "My data"
    made.mkdir()
    return made


class Engines:
    """Stand-ins for engines: a script that answers, and writes down what it was asked."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def make(self, name: str, script: str = "exit 0") -> Engine:
        program = self.folder / name
        program.write_text(f'#!/bin/sh\necho "$@" >> "{self.folder}/asked"\n{script}\n')
        program.chmod(0o755)
        return Engine(name)

    @property
    def asked(self) -> str:
        return (self.folder / "asked").read_text()


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engines:
    (tmp_path / "bin").mkdir()
    return Engines(tmp_path / "bin", monkeypatch)


def read(folder: Path, **options: object) -> settings.LabSettings:
    return settings.read(folder, {"NEBULAB_DATA_DIR": str(folder.parent / "data")}, **options)  # type: ignore[arg-type]


def command(
    folder: Path,
    engine: Engine,
    login: Login | None = None,
    environ: Mapping[str, str] | None = None,
    **options: object,
) -> str:
    told = read(folder, **options)
    made = container.box(told, engine, "nebulab:cpu", choice=CPU, port=4242, login=login, environ=environ or {})
    return " ".join(made.argv)


def test_every_wall_stands(folder: Path, engines: Engines) -> None:
    said = command(folder, engines.make("podman"), memory="8g")
    for wall in (
        "--publish 127.0.0.1:4242:8888",
        "--read-only",
        "--cap-drop ALL",
        "--security-opt no-new-privileges",
        "--memory 8192m",
        "--shm-size 4096m",
        "--pids-limit 4096",
        f"--volume {folder}:/import",
        f":{HOME}",
        "--rm",
    ):
        assert wall in said, wall
    assert "--privileged" not in said
    assert "--network" not in said
    assert said.count("--volume") == 2
    assert said.endswith("nebulab:cpu nebulab session --standalone --stdin")


def test_no_secret_is_on_the_command_line(folder: Path, engines: Engines) -> None:
    login = Login("https://galaxy.example", "me", "the-secret-key", "h1", "Cells")
    said = command(folder, engines.make("podman"), login)
    assert "the-secret-key" not in said
    assert "--env GALAXY_URL=https://galaxy.example --env HISTORY_ID=h1" in said


def test_a_proxys_authority_is_trusted_inside_too(folder: Path, engines: Engines) -> None:
    bundle = folder / "bundle.pem"
    bundle.touch()
    said = command(folder, engines.make("podman"), environ={"SSL_CERT_FILE": str(bundle)})
    inside = "/opt/nebulab/authorities.pem"
    assert f"--volume {bundle}:{inside}:ro --env SSL_CERT_FILE={inside}" in said
    assert f"--env PIP_CERT={inside}" in said
    assert "authorities" not in command(folder, engines.make("podman"), environ={"SSL_CERT_FILE": f"{bundle}.absent"})


def test_files_are_the_persons(folder: Path, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    monkeypatch.setattr(os, "getgid", lambda: 77)
    home = folder.parent
    docker, podman = engines.make("docker"), engines.make("podman")
    assert list(container.user(folder, home, rootless=False, engine=docker)) == ["--user", "1234:77"]
    assert list(container.user(folder, home, rootless=True, engine=docker)) == ["--user", "0:0"]
    assert "--userns keep-id --user 1234:77" in " ".join(container.user(folder, home, rootless=True, engine=podman))


def test_root_becomes_the_folders_owner(folder: Path, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = folder.stat()
    given = []
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda *told: given.append(told))
    options = container.user(folder, folder.parent, rootless=False, engine=engines.make("docker"))
    assert list(options) == ["--user", f"{owner.st_uid}:{owner.st_gid}"]
    assert given == [(folder.parent, owner.st_uid, owner.st_gid)]


def test_a_folder_with_an_odd_name() -> None:
    assert list(container.bind(Path("/a,b c"), "/import")) == ["--volume", "/a,b c:/import"]
    assert list(container.bind(Path("/a:b"), "/import")) == ["--mount", "type=bind,source=/a:b,target=/import"]
    with pytest.raises(SettingsError, match="can mount"):
        container.bind(Path("/a:b,c"), "/import")


def test_the_image_that_is_there_is_taken(folder: Path, engines: Engines) -> None:
    console = Console(file=io.StringIO())
    only = engines.make("podman", 'case "$*" in *"image nebulab:torch-jax-cuda13") exit 0;; *) exit 1;; esac')
    choice = Choice(True, variants=("cuda12", "torch-jax-cuda13"))
    assert container.image(read(folder), only, choice, console) == "nebulab:torch-jax-cuda13"
    with pytest.raises(ImageError, match="no image nebulab:cpu") as caught:
        container.image(read(folder), only, CPU, console)
    assert "nebulab image build --variant cpu --tag nebulab:cpu" in caught.value.hint
    assert "pull" not in engines.asked


def test_an_image_of_a_registry_is_pulled(folder: Path, engines: Engines) -> None:
    console = Console(file=io.StringIO())
    name = "registry.example:5000/nebulab:cpu"
    engine = engines.make("docker", 'test "$1" = pull')
    assert container.image(read(folder, image=name), engine, CPU, console) == name
    assert f"pull {name}" in engines.asked
    with pytest.raises(ImageError, match="could not pull"):
        container.image(read(folder, image=name), engines.make("docker", "exit 1"), CPU, console)


@pytest.mark.parametrize(
    ("name", "has"),
    [("nebulab:cpu", False), ("mine/nebulab:cpu", False), ("reg.example/n:cpu", True), ("localhost:5000/n", True)],
)
def test_names_of_images(name: str, has: bool) -> None:
    assert container.has_registry(name) is has


def test_memory_is_that_of_the_smaller_machine(engines: Engines) -> None:
    small = engines.make("docker", 'case "$*" in *"{{.MemTotal}}") echo 2147483648;; *) exit 1;; esac')
    assert container.sensible_memory_mb(small) == 1536
    assert container.sensible_memory_mb(engines.make("podman", "exit 1")) == container.sensible_memory_mb()


@pytest.mark.parametrize("said", ["8", "eight", "100m", "-1g"])
def test_memory_that_makes_no_sense(said: str, folder: Path) -> None:
    with pytest.raises(SettingsError, match="--memory"):
        read(folder, memory=said)


def test_options_that_contradict(folder: Path) -> None:
    with pytest.raises(SettingsError, match="--no-container"):
        read(folder, container=False, image="nebulab:cpu")
    with pytest.raises(SettingsError, match="no folder"):
        read(folder / "absent")


def test_each_folder_has_a_state_of_its_own(folder: Path) -> None:
    other = folder.parent / "elsewhere" / folder.name
    other.mkdir(parents=True)
    environ = {"NEBULAB_DATA_DIR": str(folder.parent)}
    assert settings.read(folder, environ).state == settings.read(folder / ".", environ).state
    assert settings.read(folder, environ).state != settings.read(other, environ).state
