"""Secrets that are gone after they were read."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from nebulab.errors import SettingsError
from nebulab.session import credentials


def test_a_secret_that_was_taken_is_nowhere_in_the_environment() -> None:
    """The variable is gone from Python, from children, and from what the kernel shows of the process."""
    code = """
        import os, subprocess, sys
        from nebulab.session.credentials import forget
        assert forget("API_KEY") == "s3cret"
        assert forget("API_KEY") is None
        assert forget("NOT_THERE") is None
        shown = open("/proc/self/environ", "rb").read()
        assert b"s3cret" not in shown and b"API_KEY=" not in shown
        assert b"OTHER=kept" in shown and b"API_KEY_2=stays" in shown
        assert os.environ.get("API_KEY") is None and os.getenv("API_KEY_2") == "stays"
        print(subprocess.check_output(["env"], text=True))
    """
    environment = os.environ | {"API_KEY": "s3cret", "API_KEY_2": "stays", "OTHER": "kept"}
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    assert "s3cret" not in finished.stdout
    assert "OTHER=kept" in finished.stdout


def test_a_key_in_a_file_is_taken_and_deleted(tmp_path: Path) -> None:
    """In a container the key comes in a file: the first process's environment stays readable."""
    code = """
        import os
        from nebulab.errors import SettingsError
        from nebulab.session.credentials import take_key
        file = os.environ["NEBULAB_KEY_FILE"]
        assert take_key() == "s3cret"
        assert not os.path.exists(file) and "NEBULAB_KEY_FILE" not in os.environ
        assert take_key() is None
        os.environ["NEBULAB_KEY_FILE"] = file
        try:
            take_key()
        except SettingsError as error:
            print("told:", error.message, error.hint)
    """
    (tmp_path / "key").write_text("s3cret")
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=os.environ | {"NEBULAB_KEY_FILE": str(tmp_path / "key")},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    assert "told: The API key can't be taken from" in finished.stdout


def test_the_ticket_is_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEBULAB_TICKET_FILE", raising=False)
    assert credentials.take_ticket() == ""
    file = tmp_path / "ticket"
    file.write_text("abc")
    monkeypatch.setenv("NEBULAB_TICKET_FILE", str(file))
    assert credentials.take_ticket() == "abc"
    assert not file.exists()
    monkeypatch.setenv("NEBULAB_TICKET_FILE", str(file))
    with pytest.raises(SettingsError, match="ticket for the door"):
        credentials.take_ticket()
