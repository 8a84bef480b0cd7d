"""What a kernel reads in its environment, and what it makes of it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from nebulab.errors import SettingsError
from nebulab.kernel import settings
from nebulab.kernel.settings import KernelSettings


def test_the_predecessors_names_are_read(tmp_path: Path) -> None:
    read = KernelSettings.from_environment(
        {"GALAXY_URL": "http://g", "API_KEY": "secret", "HISTORY_ID": "h1", "NEBULAB_CACHE": str(tmp_path)}
    )
    assert (read.url, read.key, read.history_id, read.cache) == ("http://g", "secret", "h1", tmp_path)
    assert "secret" not in repr(read)


def test_a_value_that_can_not_be_used_is_told_by_its_name() -> None:
    with pytest.raises(SettingsError, match="NEBULAB_PATIENCE_SECONDS"):
        KernelSettings.from_environment({"NEBULAB_PATIENCE_SECONDS": "long"})


def test_a_given_history_comes_before_the_sessions() -> None:
    own = KernelSettings.from_environment({"HISTORY_ID": "h1"})
    assert (own.history(None), own.history("h2")) == ("h1", "h2")
    with pytest.raises(SettingsError, match="HISTORY_ID"):
        KernelSettings.from_environment({}).history(None)


def test_the_tools_inputs_are_read(tmp_path: Path) -> None:
    path = tmp_path / "inputs.json"
    path.write_text('{"x": [1]}')
    assert KernelSettings.from_environment({"NEBULAB_INPUTS": str(path)}).read_inputs() == {"x": [1]}
    assert KernelSettings.from_environment({}).read_inputs() == {}


@pytest.mark.parametrize("content", ["[1]", "{", "", "null", None])
def test_the_tools_inputs_that_can_not_be_read_are_told(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "inputs.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match="inputs can't be read"):
        KernelSettings.from_environment({"NEBULAB_INPUTS": str(path)}).read_inputs()


def test_the_machine_around_a_container_is_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = f"{struct.unpack('<L', bytes([172, 17, 0, 1]))[0]:08X}"
    routes = tmp_path / "route"
    routes.write_text(f"Iface Destination Gateway\neth0 000011AC 00000000\neth0 00000000 {gateway}\n")
    monkeypatch.setattr(settings, "_ROUTES", routes)
    environment = {"GALAXY_URL": "http://$DOCKER_HOST:8080"}
    assert KernelSettings.from_environment(environment).url == "http://172.17.0.1:8080"
    routes.write_text("Iface Destination Gateway\n")
    assert KernelSettings.from_environment(environment).url == "http://localhost:8080"
    routes.unlink()
    assert KernelSettings.from_environment(environment).url == "http://localhost:8080"


def test_downloads_lie_where_the_predecessor_put_them_if_that_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings, "_OLD_CACHE", tmp_path / "import")
    assert KernelSettings.from_environment({}).cache == tmp_path / "galaxy_downloads"
    (tmp_path / "import").mkdir()
    assert KernelSettings.from_environment({}).cache == tmp_path / "import"
