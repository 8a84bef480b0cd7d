"""`nebulab access limits`, as somebody types it, on a portal's data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nebulab.cli.access import command as access
from nebulab.cli.limits import _WHOSE
from nebulab.errors import FormError, NotThere, SettingsError
from nebulab.portal.data.database import Database
from nebulab.portal.data.hour_tables import Whose
from nebulab.portal.settings import PortalSettings

Call = Callable[..., Result]


@pytest.fixture
def call(database: Database, settings: PortalSettings, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("NEBULAB_PORTAL_DIR", str(settings.folder))
    monkeypatch.setenv("NEBULAB_PORTAL_DATABASE", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("NEBULAB_PORTAL_GALAXY_DATABASE", "sqlite:////nowhere/galaxy.sqlite")

    def called(*arguments: str) -> Result:
        result = CliRunner().invoke(access, ["limits", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return called


def test_limits_are_set_changed_listed_and_removed(call: Call) -> None:
    assert call("list").output == "There are none.\n"
    first = json.loads(call("set", "role", "training-*", "--hours", "5", "--days", "2", "--json").output)
    assert (first["whose"], first["name"], first["hours"], first["days"]) == ("role", "training-*", 5.0, 2)
    assert "within two minutes" in call("set", "everybody", "--hours", "40").output
    changed = json.loads(call("set", "role", "training-*", "--unlimited", "--json").output)
    assert (changed["id"], changed["hours"], changed["days"]) == (first["id"], None, 2)
    assert [row["whose"] for row in json.loads(call("list", "--json").output)] == ["role", "everybody"]
    assert "training-*" in call("list").output
    assert json.loads(call("remove", first["id"], "--json").output)["id"] == first["id"]
    with pytest.raises(NotThere):
        call("remove", first["id"])


def test_what_can_not_be_used_is_told_and_changes_nothing(call: Call) -> None:
    for fields in (("role",), ("account", "ada"), ("account", "a b@x.org"), ("everybody", "--days", "0")):
        with pytest.raises(FormError):
            call("set", *fields, "--hours", "5")
    with pytest.raises(FormError):
        call("set", "everybody", "--hours", "none")
    # A script's variable that is empty takes no limit away.
    for options in ((), ("--hours", ""), ("--hours", "5", "--unlimited"), ("--days", "3")):
        assert call("set", "everybody", *options).exit_code == 2
    assert call("set", "planet").exit_code == 2
    assert call("list").output == "There are none.\n"


def test_the_command_has_the_kinds_of_the_page() -> None:
    assert list(_WHOSE) == [each.value for each in Whose]


def test_a_portal_that_counts_no_hours_takes_no_limit(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEBULAB_PORTAL_GALAXY_DATABASE")
    with pytest.raises(NotThere, match="counts no GPU hours"):
        call("set", "everybody", "--hours", "40")


def test_a_database_that_is_none_is_told_and_not_made(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing, empty, text = tmp_path / "mistyped.sqlite", tmp_path / "empty.sqlite", tmp_path / "text.sqlite"
    empty.touch()
    text.write_text("no database at all" * 100)
    for path, error, word in (
        (missing, NotThere, "There is no database"),
        (empty, NotThere, "none of the portal"),
        (text, SettingsError, "does not answer"),
    ):
        monkeypatch.setenv("NEBULAB_PORTAL_DATABASE", f"sqlite:///{path}")
        with pytest.raises(error, match=word):
            call("list")
    assert not missing.exists()
    monkeypatch.setenv("NEBULAB_PORTAL_DATABASE", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(SettingsError, match="does not answer"):
        call("list")
