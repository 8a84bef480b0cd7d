"""The parts beyond Python packages arrive with apt, each as far as the distribution has it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nebulab.develop import parts
from nebulab.develop.parts import Part

# Like apt-get: with a package that there is not, it installs none.
APT = """#!/bin/sh
echo "$@" >>"$SAID"
[ "$1" = install ] || exit 0
"$PROGRAMS/policy-rc.d" nginx start; [ $? = 101 ] || exit 1
case "$*" in *gone*) echo "E: Unable to locate package gone"; exit 100;; esac
for each in "$@"; do
  case "$each" in one|two) ln -s /bin/true "$PROGRAMS/$each";; esac
done
"""


def test_a_package_that_there_is_not_keeps_no_other_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "apt-get").write_text(APT)
    (tmp_path / "apt-get").chmod(0o755)
    said = tmp_path / "said"
    for name, value in {"PROGRAMS": tmp_path, "SAID": said, "PATH": f"{tmp_path}:/bin:/usr/bin"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(parts, "POLICY", tmp_path / "policy-rc.d")
    wanted = tuple(Part(name, name, (name,), "something") for name in ("one", "gone", "two"))
    monkeypatch.setattr(parts, "PARTS", wanted)
    assert [part.name for part in parts.install_missing()] == ["gone"]
    assert len(said.read_text().splitlines()) == 5
    assert "Unable to locate package gone" in capsys.readouterr().err
    assert [part.name for part in parts.missing()] == ["gone"]
    assert not (tmp_path / "policy-rc.d").exists()


def test_nothing_is_asked_of_apt_where_all_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PARTS", (Part("shell", "sh", ("none",), "something"),))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert parts.install_missing() == []
