"""What was installed in a session travels to its jobs as a list of requirements."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nebulab.errors import SettingsError
from nebulab.kernel.packages import requirements
from nebulab.session.kernels import overlay

BIN = Path(sys.executable).parent


@pytest.fixture
def session(tmp_path: Path) -> dict[str, str]:
    """The variables of a session whose user installed two packages, one of them from a file."""
    overlay.create(tmp_path / "layer", Path(sys.prefix))
    own = overlay.packages(tmp_path / "layer")
    for name, origin in (("from_index", ""), ("from_file", '{"url": "file:///tmp/x.whl"}')):
        info = own / f"{name}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
        (info / "INSTALLER").write_text("pip")
        if origin:
            (info / "direct_url.json").write_text(origin)
    return {"NEBULAB_OVERLAY": str(tmp_path / "layer"), "PATH": f"{BIN}:/usr/bin:/bin"}


def test_what_the_session_s_user_installed(session: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert requirements("session", session) == "from_index==1.5"
    said = capsys.readouterr().out
    assert "The job installs what you added: from_index==1.5" in said
    assert "from_file==1.5 was installed from file:///tmp/x.whl" in said


def test_others_and_none(session: dict[str, str]) -> None:
    assert requirements(["a==1", "b"], session) == "a==1\nb"
    assert requirements("a==1\nb", session) == "a==1\nb"
    assert requirements(None, session) == requirements([], session) == ""


def test_without_a_session_there_are_none() -> None:
    assert requirements("session", {"PATH": str(BIN)}) == ""


def test_a_list_that_can_not_be_made_is_told(session: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no nebulab on PATH"):
        requirements("session", session | {"PATH": str(tmp_path)})
    with pytest.raises(SettingsError, match="can't be listed: "):
        requirements("session", session | {"NEBULAB_OVERLAY": str(tmp_path / "nothing")})
    broken = tmp_path / "nebulab"
    broken.write_text("#!/no/such/python\n")
    broken.chmod(0o755)
    with pytest.raises(SettingsError, match=r"can't be listed: .*No such file"):
        requirements("session", session | {"PATH": str(tmp_path)})
