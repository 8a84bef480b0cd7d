"""`nebulab access usage`, as somebody types it beside a portal."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner

from nebulab import contract
from nebulab.cli.access import command as access
from nebulab.errors import NotThere, SettingsError
from nebulab.portal.checking import check
from nebulab.portal.settings import PortalSettings
from support.galaxy_database import GalaxyDatabase, figures

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def month(settings: PortalSettings, galaxy_database: GalaxyDatabase, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Galaxy with an hour, of the month that is returned."""
    monkeypatch.setenv(contract.PORTAL_DIR, str(settings.folder))
    monkeypatch.setenv(contract.PORTAL_GALAXY_DATABASE, galaxy_database.url)
    ada = galaxy_database.user("ada@x.org")
    # Not over a month's end.
    galaxy_database.job(ada, begun=3, ended=3, figures=figures(1.25))
    galaxy_database.group(ada, "Course", "training-gpu")
    return f"{galaxy_database.before(3):%Y-%m}"


def call(*arguments: str) -> str:
    result = CliRunner().invoke(access, ["usage", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_a_month_in_each_form(month: str) -> None:
    assert call("--month", month).splitlines()[1].split() == ["ada@x.org", "1.2", "25", "%", "1"]
    told = json.loads(call("--month", month, "--json"))
    one = {"name": "ada@x.org", "hours": 1.25, "measured_hours": 1.25, "idle_percent": 25.0, "jobs": 1}
    assert (told["month"], told["hours"], told["accounts"]) == (month, 1.25, [one])
    assert told["roles"] == [one | {"name": "training-gpu"}] and told["groups"] == [one | {"name": "Course"}]
    (row,) = csv.DictReader(io.StringIO(call("--month", month, "--csv")))
    assert (row["account"], row["hours"], row["month"]) == ("ada@x.org", "1.25", month)
    assert call("--month", month, "--influx").splitlines()[0] == (
        f"nebulab_gpu_hours,account=ada@x.org,month={month} hours=1.25,measured_hours=1.25,idle_percent=25.0,jobs=1i"
    )


def test_a_month_without_any(month: str) -> None:
    assert json.loads(call("--month", "2020-02", "--json"))["accounts"] == []
    assert call("--month", "2020-02", "--influx") == ""
    assert "0.0" in call("--month", "2020-02")


@pytest.mark.parametrize("text", ["soon", "2026-13", "2026"])
def test_what_is_no_month_is_told(month: str, text: str) -> None:
    with pytest.raises(SettingsError, match="is no month"):
        call("--month", text)


def test_without_galaxys_database_it_is_told(month: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(contract.PORTAL_GALAXY_DATABASE)
    with pytest.raises(NotThere, match="knows no GPU hours"):
        call()


def test_the_check_reads_galaxys_database(
    month: str, settings: PortalSettings, galaxy_database: GalaxyDatabase
) -> None:
    known = galaxy_database.known_to(settings)
    found = {each.what: each for each in check(known)}
    assert (found["hours"].told, found["hours"].fault) == ("sessions and jobs with GPUs in the last week: 1", "")
    galaxy_database.run("DROP TABLE role")
    assert "no such table: role" in {each.what: each.fault for each in check(known)}["hours"]
    galaxy_database.run("CREATE TABLE role (id INTEGER)")
