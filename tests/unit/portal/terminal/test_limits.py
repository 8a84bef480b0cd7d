"""`nebulab access limits`, as somebody types it, on a portal's data."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from nebulab.cli.access import command as access
from nebulab.cli.limits import _WHOSE
from nebulab.errors import FormError, NotThere
from nebulab.portal.data.database import Database
from nebulab.portal.data.hour_tables import Whose
from nebulab.portal.settings import PortalSettings

Call = Callable[..., Result]


@pytest.fixture
def call(database: Database, settings: PortalSettings, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("NEBULAB_PORTAL_DIR", str(settings.folder))
    monkeypatch.setenv("NEBULAB_PORTAL_DATABASE", database.url.render_as_string(hide_password=False))

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
    changed = json.loads(call("set", "role", "training-*", "--json").output)
    assert (changed["id"], changed["hours"]) == (first["id"], None)
    assert [row["whose"] for row in json.loads(call("list", "--json").output)] == ["role", "everybody"]
    assert "training-*" in call("list").output
    assert json.loads(call("remove", first["id"], "--json").output)["id"] == first["id"]
    with pytest.raises(NotThere):
        call("remove", first["id"])


def test_what_can_not_be_used_is_told_and_changes_nothing(call: Call) -> None:
    for fields in (("role",), ("account", "ada"), ("everybody", "--hours", "none"), ("everybody", "--days", "0")):
        with pytest.raises(FormError):
            call("set", *fields)
    assert call("set", "planet").exit_code == 2
    assert call("list").output == "There are none.\n"


def test_the_command_has_the_kinds_of_the_page() -> None:
    assert list(_WHOSE) == [each.value for each in Whose]
