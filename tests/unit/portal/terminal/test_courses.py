"""`nebulab access course`, as somebody types it, on a portal's data."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from nebulab.cli.access import command as access
from nebulab.errors import FormError, NotThere, Overtaken
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.rules.context import Context
from nebulab.portal.settings import PortalSettings
from support.applicants import ADA
from support.courses import asked, found, join

Call = Callable[..., Result]


@pytest.fixture
def call(database: Database, settings: PortalSettings, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("NEBULAB_PORTAL_DIR", str(settings.folder))
    monkeypatch.setenv("NEBULAB_PORTAL_DATABASE", database.url.render_as_string(hide_password=False))

    def called(*arguments: str) -> Result:
        result = CliRunner().invoke(access, ["course", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return called


def test_a_course_is_approved_and_ended(call: Call, database: Database, context: Context) -> None:
    course = asked(database, context, begins=3, ends=4)
    assert call("list").output == "There are none.\n"
    (row,) = json.loads(call("list", "--state", "waiting", "--json").output)
    assert (row["id"], row["places"], row["state"]) == (course.id, 5, "waiting")
    ends = (clock.today() + timedelta(days=6)).isoformat()
    done = json.loads(call("approve", course.id, "--places", "25", "--ends", ends, "--json").output)
    assert (done["state"], done["ends"], done["places"], done["waiting"]) == ("approved", ends, 25, 2)
    assert done["code"].replace("-", "") == found(database, course.id).code
    join(database, context, found(database, course.id), ADA)
    assert json.loads(call("show", course.id, "--json").output)["participants"] == [ADA.email]
    assert ADA.email in call("show", course.id).output and "Übermut" in call("list").output
    assert "tells Galaxy" in call("end", course.id, "--reason", "The end").output
    assert json.loads(call("list", "--state", "ended", "--json").output)[0]["id"] == course.id


def test_a_course_is_refused_and_what_is_wrong_is_told(call: Call, database: Database, context: Context) -> None:
    course = asked(database, context)
    with pytest.raises(FormError):
        call("approve", course.id, "--places", "many")
    assert json.loads(call("refuse", course.id, "--reason", "No", "--json").output)["state"] == "refused"
    for act in (("approve", course.id), ("end", course.id, "--reason", "x")):
        with pytest.raises(Overtaken):
            call(*act)
    with pytest.raises(NotThere):
        call("show", "nothing")
    assert call("refuse", course.id).exit_code == 2
