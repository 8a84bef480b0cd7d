"""A job's packages are installed into its overlay before the first cell; a failure has the installer's words."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from nebulab.errors import NotebookError, SettingsError
from nebulab.notebooks.log import RunLog
from nebulab.notebooks.packages import install
from nebulab.session.kernels import overlay
from support.layers import run, shared_environment, wheel


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    overlay.create(tmp_path / "layer", shared_environment(tmp_path))
    return tmp_path / "layer"


def variables(layer: Path) -> dict[str, str]:
    own = {"NEBULAB_OVERLAY": str(layer), "VIRTUAL_ENV": str(layer), "UV_OFFLINE": "1", "UV_NO_CONFIG": "1"}
    return os.environ | own | {"UV_CACHE_DIR": str(layer / "cache")}


def test_they_are_there_for_the_first_cell(layer: Path, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    wheel(tmp_path / "wheels", "thing", "2.5")
    file = tmp_path / "requirements.txt"
    file.write_text(f"# of a session\n--no-index\n--find-links {tmp_path / 'wheels'}\nthing==2.5\n")
    log = io.StringIO()
    install(file, RunLog(None, log), variables(layer))
    assert run(layer / "bin" / "python", "-c", "import thing; print(thing.VERSION)") == "2.5"
    assert "installing " in log.getvalue()


def test_what_can_not_be_installed_fails_with_the_installer_s_words(layer: Path, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("--no-index\na_package_that_nobody_has==1\n")
    with pytest.raises(NotebookError, match=r"(?s)can't be installed.*a-package-that-nobody-has"):
        install(file, RunLog(None, io.StringIO()), variables(layer))


def test_an_empty_list_needs_no_session_and_another_one_does(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("\n# nothing\n")
    install(file, RunLog(None, io.StringIO()), {})
    file.write_text("thing\n")
    with pytest.raises(SettingsError, match="no session around this command"):
        install(file, RunLog(None, io.StringIO()), {})
