"""`nebulab access` and `nebulab portal --check`, as somebody types them, on a portal's data."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nebulab.cli.access import command as access
from nebulab.cli.portal import command as portal
from nebulab.errors import FormError, NotThere, Overtaken, SettingsError
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.rules import accesses, applications, audit
from nebulab.portal.rules.context import Context
from nebulab.portal.settings import PortalSettings
from support.applicants import ADA, Clock, a_form, link_in, mails
from support.fake_accounts import FakeAccounts

Call = Callable[..., Result]


@pytest.fixture
def environment(database: Database, settings: PortalSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the portal's process and the terminal share."""
    for name, value in {
        "DIR": settings.folder,
        "DATABASE": database.url.render_as_string(hide_password=False),
        "GALAXY": settings.galaxy,
        "GALAXY_PUBLIC": "http://localhost:8080",
        "KEY_FILE": settings.key_file,
    }.items():
        monkeypatch.setenv(f"NEBULAB_PORTAL_{name}", str(value))


@pytest.fixture
def call(environment: None) -> Call:
    def called(*arguments: str, of: Any = access) -> Result:
        result = CliRunner().invoke(of, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return called


@pytest.fixture
def waiting(database: Database, context: Context) -> str:
    with database.writing() as session:
        application = applications.apply(session, ADA, a_form(), context)
    with database.writing() as session:
        applications.confirm(session, link_in(mails(database)[-1].body), context)
    return application.id


def test_an_application_is_approved_and_the_access_revoked(call: Call, database: Database, waiting: str) -> None:
    assert "Nuclei" in call("list", "--state", "waiting").output
    (row,) = json.loads(call("list", "--state", "waiting", "--json").output)
    assert (row["id"], row["account"], row["standing"]) == (waiting, ADA.email, "institution")
    assert "Grace Hopper" in call("show", waiting).output
    until = (clock.today() + timedelta(days=9)).isoformat()
    done = json.loads(call("approve", waiting, "--until", until, "--json").output)
    assert (done["state"], done["until"], done["waiting"]) == ("approved", until, 4)
    assert json.loads(call("list", "--json").output)[0]["until"] == until
    assert until in call("show", ADA.email).output
    assert "tells Galaxy" in call("revoke", ADA.email, "--reason", "The end").output
    assert call("list").output == "There are none.\n"
    assert json.loads(call("list", "--state", "ended", "--json").output)[0]["ending"] == "revoked"
    with database.reading() as session:
        lines = [(act.actor, act.act) for act in audit.of_person(session, ADA.id)]
    assert lines[-2:] == [(f"system user {getpass.getuser()}", act) for act in ("approved", "revoked")]


def test_a_user_without_a_name_acts_by_the_number(
    call: Call, database: Database, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container the system has no name for the user."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 987654)
    call("refuse", waiting, "--reason", "No")
    with database.reading() as session:
        assert audit.of_person(session, ADA.id)[-1].actor == "system user uid 987654"


def test_an_application_is_refused(call: Call, waiting: str) -> None:
    assert json.loads(call("refuse", waiting, "--reason", "No", "--json").output)["state"] == "refused"
    with pytest.raises(Overtaken):
        call("approve", waiting)


def test_reminders_are_sent_once(call: Call, database: Database, context: Context, time: Clock) -> None:
    with database.writing() as session:
        applications.keep_person(session, ADA)
        accesses.grant(session, ADA.id, clock.today() + timedelta(days=30), context)
    time.move(days=20)
    assert [json.loads(call("remind", "--json").output)["reminded"] for _ in range(2)] == [1, 0]


def test_what_is_wrong_is_told(call: Call, waiting: str) -> None:
    with pytest.raises(NotThere):
        call("show", "nobody@uni-freiburg.de")
    with pytest.raises(FormError):
        call("approve", waiting, "--until", "soon")
    assert call("refuse", waiting).exit_code == 2


def test_a_folder_without_a_portal_is_told(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.delenv("NEBULAB_PORTAL_DATABASE")
    monkeypatch.setenv("NEBULAB_PORTAL_DIR", str(tmp_path / "none"))
    with pytest.raises(NotThere, match="no portal's data"):
        call("list")


def test_the_check_finds_all_well(call: Call) -> None:
    result = call("--check", of=portal)
    assert result.exit_code == 0
    for text in ("as admin@uni-freiburg.de", "up to date", "no server", "beside http://localhost:8080"):
        assert text in result.output


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("URL", "http://gpu.example.org", "browsers send Galaxy's login to its own host alone"),
        ("GALAXY_PUBLIC", "https://localhost", "Galaxy is on HTTPS, the portal is not"),
        ("DOMAINS_FILE", "/none", "can't be read"),
        ("KEY_FILE", "/none", "can't be read"),
        ("SMTP", "smtp://127.0.0.1:1", "refused"),
        ("GALAXY_DATABASE", "sqlite:////none/galaxy.sqlite", "Galaxy's database can't be read"),
    ],
)
def test_the_check_tells_what_is_wrong(
    call: Call, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(f"NEBULAB_PORTAL_{name}", value)
    result = call("--check", of=portal)
    assert result.exit_code == 1 and told in result.output


def test_the_check_wants_an_administrators_key(call: Call, galaxy: FakeAccounts) -> None:
    galaxy.users["idadmin"]["is_admin"] = False
    assert "no administrator of Galaxy" in call("--check", of=portal).output


def test_a_wrong_setting_is_an_error(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEBULAB_PORTAL_PORT", "web")
    with pytest.raises(SettingsError, match="NEBULAB_PORTAL_PORT"):
        call("--check", of=portal)


def test_the_help_names_the_settings() -> None:
    told = CliRunner().invoke(portal, ["--help"]).output
    assert "NEBULAB_PORTAL_KEY_FILE" in told and "nebulab portal --check" in told
