"""The portal's process: it serves, alone on its folder, and does by itself what was decided without it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import httpx
import pytest

from nebulab.errors import SettingsError
from nebulab.portal.data.database import Database
from nebulab.portal.rules import applications, decisions
from nebulab.portal.rules.context import Context
from nebulab.portal.serve import serve
from nebulab.portal.settings import PortalSettings
from support.fake_accounts import FakeAccounts
from unit.portal.conftest import ADA, REVIEWER, a_form, link_in, mails


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        found: int = free.getsockname()[1]
        return found


def start(settings: PortalSettings, port: int) -> subprocess.Popen[str]:
    environment = os.environ | {
        "NEBULAB_PORTAL_DIR": str(settings.folder),
        "NEBULAB_PORTAL_GALAXY": settings.galaxy,
        "NEBULAB_PORTAL_KEY_FILE": str(settings.key_file),
        "NEBULAB_PORTAL_URL": f"http://localhost:{port}",
        "NEBULAB_PORTAL_PORT": str(port),
    }
    command = [sys.executable, "-m", "nebulab", "portal"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def answers(port: int) -> dict[str, object]:
    """Wait for the portal's answer."""
    end = time.monotonic() + 60
    while True:
        try:
            told: dict[str, object] = httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).json()
            return told
        except httpx.TransportError:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_it_does_what_was_decided_while_it_was_not_there(
    settings: PortalSettings, context: Context, port: int, galaxy: FakeAccounts
) -> None:
    galaxy.account("ada", ADA.email)
    with Database(settings.database_url) as database:
        database.upgrade()
        with database.writing() as session:
            application = applications.apply(session, ADA, a_form(), context)
        with database.writing() as session:
            applications.confirm(session, link_in(mails(database)[-1].body), context)
            decisions.approve(session, application.id, version=None, actor=REVIEWER, context=context)
    process = start(settings, port)
    try:
        assert answers(port) == {"ok": True, "troubles": []}
        end = time.monotonic() + 30
        while galaxy.members("Nebulab GPU access") != {"ada"}:
            assert time.monotonic() < end
            time.sleep(0.05)
        with pytest.raises(SettingsError, match="Another portal runs"):
            serve(settings)
        process.send_signal(signal.SIGTERM)
        told = process.communicate(timeout=30)[1]
    finally:
        process.kill()
    assert "the portal listens on 127.0.0.1" in told and "Traceback" not in told


def test_a_port_that_is_taken_is_told(settings: PortalSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        others = replace(settings, port=taken.getsockname()[1])
        with pytest.raises(SettingsError, match="can.t listen on"):
            serve(others)
