"""The portal's process: it serves, alone on its folder, and does by itself what was decided without it."""

from __future__ import annotations

import socket
import time
from dataclasses import replace

import pytest

from nebulab.errors import SettingsError
from nebulab.portal.data.database import Database
from nebulab.portal.rules import applications, decisions
from nebulab.portal.rules.context import Context
from nebulab.portal.serve import _listening, serve
from nebulab.portal.settings import PortalSettings
from support import portal
from support.applicants import ADA, REVIEWER, a_form, link_in, mails
from support.fake_accounts import KEY, FakeAccounts


def test_it_does_what_was_decided_while_it_was_not_there(
    settings: PortalSettings, context: Context, galaxy: FakeAccounts
) -> None:
    galaxy.account("ada", ADA.email)
    with Database(settings.database_url) as database:
        database.upgrade()
        with database.writing() as session:
            application = applications.apply(session, ADA, a_form(), context)
        with database.writing() as session:
            applications.confirm(session, link_in(mails(database)[-1].body), context)
            decisions.approve(session, application.id, version=None, actor=REVIEWER, context=context)
    with portal.running(settings.folder, galaxy.url, KEY) as started:
        end = time.monotonic() + 30
        while galaxy.members("Nebulab GPU access") != {"ada"}:
            assert time.monotonic() < end
            time.sleep(0.05)
        with pytest.raises(SettingsError, match="Another portal runs"):
            serve(settings)
    assert started.process.returncode == 0
    assert "the portal listens on 127.0.0.1" in started.told and "Traceback" not in started.told


def test_a_port_that_is_taken_is_told(settings: PortalSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        others = replace(settings, port=taken.getsockname()[1])
        with pytest.raises(SettingsError, match="can't listen on"):
            serve(others)


def test_no_page_waits_for_an_acknowledgement(settings: PortalSettings) -> None:
    """asyncio sets TCP_NODELAY on connections of sockets that say that they are TCP, and on no others."""
    with _listening(replace(settings, port=0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP
