"""Options win over the environment, the environment over defaults; nonsense is refused with the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nebulab.errors import SettingsError
from nebulab.stack.settings import StackSettings, read_settings


def test_everything_lies_in_one_folder_by_default() -> None:
    settings = read_settings({}, {})
    assert settings.data_dir == Path.home() / ".local" / "share" / "nebulab"
    assert settings.environments_dir == settings.data_dir / "environments"


def test_the_environment_names_other_folders(tmp_path: Path) -> None:
    environ = {"NEBULAB_DATA_DIR": str(tmp_path / "d"), "NEBULAB_ENVIRONMENTS": str(tmp_path / "e")}
    settings = read_settings({"data_dir": None}, environ)
    assert (settings.data_dir, settings.environments_dir) == (tmp_path / "d", tmp_path / "e")
    assert read_settings({"data_dir": tmp_path / "x"}, environ).data_dir == tmp_path / "x"


def test_relative_paths_hold_wherever_the_supervisor_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_settings({"data_dir": Path("here")}, {}).data_dir == tmp_path / "here"


def test_another_process_reads_the_same_settings(tmp_path: Path) -> None:
    tools = tmp_path / "tool_conf.xml"
    tools.write_text("<toolbox/>")
    settings = read_settings(
        {
            "data_dir": tmp_path,
            "galaxy_port": 8080,
            "tool_confs": (tools,),
            "allow": ("mirror.org",),
            "show": (tmp_path,),
        },
        {},
    )
    assert StackSettings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"isolation": "jail"}, "isolation"),
        ({"network": "half"}, "network"),
        ({"allow": ("10.0.0.0/99",)}, "neither a host nor a network"),
        ({"proxy": "nginx"}, "proxy"),
        ({"idle_minutes": -1}, "idle"),
        ({"stuck_minutes": 0}, "stuck"),
        ({"stuck_minutes": float("nan")}, "stuck"),
        ({"tool_confs": ("/nowhere/tool_conf.xml",)}, "tool list"),
        ({"show": ("/nowhere",)}, "no folder /nowhere to show"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_nonsense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_settings(options, {})
