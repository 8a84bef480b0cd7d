"""What JupyterLab is told: no secret in its command line or kept in its environment, and where its page part lies."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import pytest

import nebulab
from nebulab.errors import ServerError
from nebulab.session.lab import config as lab_config


class Config(defaultdict[str, SimpleNamespace]):
    """Something with traitlets' manners: sections appear when they are named."""

    def __getattr__(self, section: str) -> SimpleNamespace:
        return self[section]


@pytest.fixture
def config() -> Config:
    return Config(SimpleNamespace)


@pytest.fixture
def handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which a session leaves its token."""
    for name, value in lab_config.hand_over("s3cret", tmp_path).items():
        monkeypatch.setenv(name, value)
    [path] = tmp_path.iterdir()
    return path


def test_the_command_names_no_secret() -> None:
    command = lab_config.command(12345)
    assert command[0] == sys.executable
    assert "--ServerApp.port=12345" in command
    assert "--ServerApp.ip=127.0.0.1" in command
    assert "--ServerApp.ip=0.0.0.0" in lab_config.command(8888, address="0.0.0.0")


def test_the_token_moves_from_a_private_file_into_the_configuration(config: Config, handed_over: Path) -> None:
    assert handed_over.stat().st_mode & 0o777 == 0o600
    assert "s3cret" not in os.environ.values()
    lab_config.configure(config)
    assert not handed_over.exists()
    assert lab_config.TOKEN_FILE not in os.environ
    assert config.IdentityProvider.token == "s3cret"
    assert config.ServerApp.allow_unauthenticated_access is False
    assert not hasattr(config.ServerApp, "allow_origin")
    # Room for a file in a widget's upload; no setting of headers, by which another page could show the Lab.
    assert config.ServerApp.tornado_settings == {"websocket_max_message_size": 64 * 2**20}
    assert config.KernelSpecManager.allowed_kernelspecs == {"python3", "python3-keras2"}


def test_the_address_of_the_page_is_told_where_it_is_not_the_usual_one() -> None:
    assert not [one for one in lab_config.command(8888) if "base_url" in one or "allow_origin" in one]
    told = lab_config.command(8888, base_url="/p/ipython/", origin="https://a.example")
    assert {"--ServerApp.base_url=/p/ipython/", "--ServerApp.allow_origin=https://a.example"} <= set(told)


def test_a_password_is_a_second_way_in_beside_the_token(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = "argon2:$argon2id$v=19$m=10240,t=10,p=8$c2FsdHNhbHQ$aGFzaA"
    for name, value in lab_config.hand_over("s3cret", tmp_path, password=hashed).items():
        monkeypatch.setenv(name, value)
    lab_config.configure(config)
    assert config.IdentityProvider.token == "s3cret"
    assert config.PasswordIdentityProvider.hashed_password == hashed


def test_no_token_no_server(config: Config, handed_over: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_over.write_text("")
    with pytest.raises(ServerError, match="token"):
        lab_config.configure(config)
    monkeypatch.delenv(lab_config.TOKEN_FILE, raising=False)
    with pytest.raises(ServerError, match="token"):
        lab_config.configure(config)


@pytest.mark.usefixtures("handed_over")
def test_the_prompt_is_short(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/bash")
    lab_config.configure(config)
    shell = config.ServerApp.terminado_settings["shell_command"]
    folder = Path("/tmp")
    shown = subprocess.run(
        [*shell, "-i"],
        input="cd /\n",
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nowhere"},
    ).stderr
    assert re.search(r"nebulab:tmp[$#] ", shown), shown


def test_two_sessions_share_no_cookie_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    made = []
    for _ in range(2):
        monkeypatch.setenv(*next(iter(lab_config.hand_over("s3cret", tmp_path).items())))
        lab_config.configure(config)
        made.append(config.ServerApp.cookie_secret)
    assert made[0] != made[1]
    assert len(made[0]) >= 32


def test_the_configuration_costs_a_start_next_to_nothing() -> None:
    """It is imported in JupyterLab's process, before anything else: no large library may hang on it."""
    code = "import sys; import nebulab.session.lab.config; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert not {"aiohttp", "httpx", "bioblend", "asyncio", "numpy"} & set(loaded)


def test_the_pages_part_is_found_and_fits_the_version() -> None:
    [package] = lab_config.lab_extensions().glob("@*/*/package.json")
    description = json.loads(package.read_text())
    entry = package.parent / description["jupyterlab"]["_build"]["load"]
    assert description["version"] == nebulab.__version__
    # Browsers keep these files for good: what changes needs a new name, which its hash gives it.
    assert re.fullmatch(r"remoteEntry\.[0-9a-f]{16}\.js", entry.name)
    assert description["name"] in entry.read_text()


def test_an_installed_package_brings_the_pages_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "nebulab"
    (package / "_lab_extension").mkdir(parents=True)
    monkeypatch.setattr(nebulab, "__file__", str(package / "__init__.py"))
    assert lab_config.lab_extensions() == package / "_lab_extension"
    (package / "_lab_extension").rmdir()
    with pytest.raises(ServerError, match="page"):
        lab_config.lab_extensions()
