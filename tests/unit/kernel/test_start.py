"""What every notebook's start pays for: the names are there, and nothing heavy was imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from nebulab import kernel
from nebulab.errors import SettingsError
from nebulab.kernel.names import former
from nebulab.kernel.settings import KernelSettings


class Shell:
    """What the extension needs of IPython's shell."""

    events = SimpleNamespace(register=lambda event, function: None)

    def push(self, names: dict[str, object], interactive: bool) -> None:
        self.names = names
        self.interactive = interactive


def test_the_names_are_in_the_notebook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "inputs.json").write_text(json.dumps({"train": [{"path": "a"}]}))
    monkeypatch.setenv("NEBULAB_INPUTS", str(tmp_path / "inputs.json"))
    monkeypatch.setenv("HISTORY_ID", "h1")
    shell = Shell()
    kernel.load_ipython_extension(shell)
    ours = set(kernel.__all__) - {"load_ipython_extension"} | {"HISTORY_ID", "GALAXY_INPUTS"}
    assert set(shell.names) == ours | set(former.NAMES)
    assert not ours & set(former.NAMES)
    assert shell.names["HISTORY_ID"] == "h1"
    assert shell.names["GALAXY_INPUTS"] == {"train": [{"path": "a"}]}
    assert shell.interactive is False


@pytest.mark.parametrize("content", [None, "", "[1]", "{", "null"])
def test_inputs_that_can_not_be_read_are_told_where_they_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "inputs.json"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("NEBULAB_INPUTS", str(path))
    shell = Shell()
    kernel.load_ipython_extension(shell)
    with pytest.raises(SettingsError, match=r"inputs\.json"):
        shell.names["GALAXY_INPUTS"]["train"]  # type: ignore[index]
    assert "get" in shell.names


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys\nfrom nebulab import kernel\nclass Shell:\n    events = type('', (), {})\n"
        "    def push(self, names, interactive): pass\n    events.register = lambda event, function: None\n"
        "kernel.load_ipython_extension(Shell())\n"
        "print([name for name in ('httpx', 'bioblend', 'urllib3', 'pandas', 'numpy', 'ssl') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_history_can_be_imported() -> None:
    from nebulab.kernel import history

    assert type(history).__name__ == "History"


def test_settings_hide_the_key() -> None:
    assert "secret" not in repr(KernelSettings.from_environment({"API_KEY": "secret"}))


def test_a_container_s_host_is_filled_in() -> None:
    url = KernelSettings.from_environment({"GALAXY_URL": "http://$DOCKER_HOST:8080/g"}).url
    assert "$" not in url
    assert url.endswith(":8080/g")


def test_a_patience_that_is_no_number() -> None:
    with pytest.raises(SettingsError, match="NEBULAB_PATIENCE_SECONDS"):
        KernelSettings.from_environment({"NEBULAB_PATIENCE_SECONDS": "long"})
