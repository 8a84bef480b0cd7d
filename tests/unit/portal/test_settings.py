"""The portal's settings: what can't be used is told, and secrets lie in files that their owner alone reads."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from nebulab.errors import SettingsError
from nebulab.portal import settings


def test_defaults_make_a_portal_on_this_machine(tmp_path: Path) -> None:
    read = settings.read({"NEBULAB_PORTAL_DIR": str(tmp_path)})
    assert read.database_url == f"sqlite:///{tmp_path}/portal.sqlite"
    assert (read.galaxy_page, read.path, read.secure) == ("http://localhost:8080", "", False)
    assert (read.role, read.group, read.expired_group) == (
        "gpu_access_validated",
        "Nebulab GPU access",
        "Nebulab GPU access (ended)",
    )


def test_an_address_below_a_path_is_understood() -> None:
    read = settings.read({"NEBULAB_PORTAL_URL": "https://galaxy.example.org/gpu/"})
    assert (read.url, read.path, read.secure) == ("https://galaxy.example.org/gpu", "/gpu", True)


def test_postgresql_is_reached_by_psycopg() -> None:
    read = settings.read({"NEBULAB_PORTAL_DATABASE": "postgresql://portal@db/portal"})
    assert read.database_url == "postgresql+psycopg://portal@db/portal"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("URL", "galaxy.example.org"),
        ("URL", "https://galaxy.example.org/?x=1"),
        ("GALAXY", "ftp://galaxy.example.org"),
        ("DATABASE", "mysql://db/portal"),
        ("SMTP", "http://mail.example.org"),
        ("SMTP", "smtp://user:password@mail.example.org"),
        ("FROM", "gpu@example.org\nBcc: all@example.org"),
        ("FROM", "GPU <gpu@example.org>"),
        ("ACCESS_DAYS", "0"),
        ("PORT", "web"),
    ],
)
def test_what_can_not_be_used_is_told_with_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"NEBULAB_PORTAL_{name} is"):
        settings.read({f"NEBULAB_PORTAL_{name}": value})


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("w0rd-of-the-key\n")
    key.chmod(0o640)
    read = settings.read({"NEBULAB_PORTAL_KEY_FILE": str(key)})
    with pytest.raises(SettingsError, match="others may read") as caught:
        _ = read.key
    assert caught.value.hint == f"chmod 600 {key}"
    key.chmod(0o600)
    assert read.key == "w0rd-of-the-key"
    assert "w0rd" not in repr(read)


def as_a_credential(path: Path) -> None:
    """Give a file the rights of a credential since systemd 254: root's, and by an ACL the service's user reads it."""
    # Owner, user 4321, group, mask and others, as the kernel has them in the attribute.
    entries = [(0x01, 4, -1), (0x02, 4, 4321), (0x04, 0, -1), (0x10, 4, -1), (0x20, 0, -1)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *each) for each in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", acl)
    except OSError:
        # A file system without ACLs shows the same mode.
        path.chmod(0o440)
    assert path.stat().st_mode & 0o777 == 0o440


def test_a_credential_of_systemds_is_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "credentials" / "nebulab-portal.service"
    folder.mkdir(parents=True, mode=0o700)
    key = folder / "key"
    key.write_text("w0rd-of-the-key\n")
    as_a_credential(key)
    read = settings.read({"NEBULAB_PORTAL_KEY_FILE": str(key)})
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert read.key == "w0rd-of-the-key"
    for elsewhere in ("", ".", str(tmp_path / "credentials" / "nebulab")):
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", elsewhere)
        with pytest.raises(SettingsError, match="others may read"):
            _ = read.key


def test_what_is_only_named_below_systemds_folder_is_no_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, key = tmp_path / "credentials", tmp_path / "key"
    folder.mkdir()
    key.write_text("w0rd-of-the-key\n")
    key.chmod(0o440)
    (folder / "link").symlink_to(key)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    for path in (folder / ".." / "key", folder / "link"):
        with pytest.raises(SettingsError, match="others may read"):
            settings.secret_of(path, "NEBULAB_PORTAL_KEY_FILE")


@pytest.mark.parametrize("content", [None, ""])
def test_a_key_that_is_not_there_is_told(tmp_path: Path, content: str | None) -> None:
    key = tmp_path / "key"
    if content is not None:
        key.touch(0o600)
    with pytest.raises(SettingsError, match=r"NEBULAB_PORTAL_KEY_FILE: .*(can't be read|is empty)"):
        _ = settings.read({"NEBULAB_PORTAL_KEY_FILE": str(key)}).key
    with pytest.raises(SettingsError, match="no API key"):
        _ = settings.read({}).key


def test_a_terminal_has_the_settings_of_the_portal_that_serves(tmp_path: Path) -> None:
    serving = {"NEBULAB_PORTAL_DIR": str(tmp_path), "NEBULAB_PORTAL_URL": "https://galaxy.example.org/gpu"}
    settings.keep(settings.read(serving), serving | {"SECRET": "x"})
    kept = settings.read_kept({"NEBULAB_PORTAL_DIR": str(tmp_path)})
    assert kept.url == "https://galaxy.example.org/gpu"
    own = settings.read_kept({"NEBULAB_PORTAL_DIR": str(tmp_path), "NEBULAB_PORTAL_URL": "http://localhost:1"})
    assert own.url == "http://localhost:1"
    assert (tmp_path / "settings.json").stat().st_mode & 0o777 == 0o600
    assert "SECRET" not in (tmp_path / "settings.json").read_text()


@pytest.mark.parametrize("hours", ["1e300", "721", "inf", "0"])
def test_a_login_lasts_no_longer_than_a_month(hours: str) -> None:
    with pytest.raises(SettingsError, match="NEBULAB_PORTAL_OIDC_HOURS") as caught:
        settings.read({"NEBULAB_PORTAL_OIDC_HOURS": hours})
    assert caught.value.hint == "Give a number from 0.1 to 720."
    assert settings.read({"NEBULAB_PORTAL_OIDC_HOURS": "720"}).oidc_hours == 720
