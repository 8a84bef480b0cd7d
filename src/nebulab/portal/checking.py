"""`nebulab portal --check`: whether settings, login, database, Galaxy and mail server will do; runs beside Galaxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from nebulab import contract
from nebulab.errors import GalaxyAway, NebulabError, SettingsError
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.hours.galaxy_tables import GalaxyTables
from nebulab.portal.login.provider import Provider
from nebulab.portal.rules.domains import read_domains
from nebulab.portal.serve import administration
from nebulab.portal.settings import PortalSettings
from nebulab.portal.work.post import MailServer

_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Finding:
    """What one check found: `fault` is empty where all is well."""

    what: str
    told: str
    fault: str = ""


def check(settings: PortalSettings) -> Iterator[Finding]:
    """Yield what each check finds; nothing is changed, and no mail is sent."""
    checks: tuple[tuple[str, Callable[[PortalSettings], str]], ...] = (
        ("addresses", _addresses),
        ("login", _login),
        ("secrets", _secrets),
        ("domains", _domains),
        ("database", _database),
        ("Galaxy", _galaxy),
        ("hours", _hours),
        ("mail", _mail),
    )
    for what, look in checks:
        try:
            yield Finding(what, look(settings))
        except (NebulabError, OSError) as error:
            # What to do when Galaxy is away is for people in a notebook.
            told = error.message if isinstance(error, GalaxyAway) else str(error)
            yield Finding(what, "", told.replace("\n", " "))


def _addresses(settings: PortalSettings) -> str:
    ours, galaxys = urlsplit(settings.url), urlsplit(settings.galaxy_page)
    if settings.oidc:
        return f"{settings.url}, for {settings.galaxy_page}"
    if ours.hostname != galaxys.hostname:
        raise SettingsError(
            f"The portal is at {ours.hostname}, Galaxy at {galaxys.hostname}: "
            "browsers send Galaxy's login to its own host alone.",
            "Give the portal a path on Galaxy's host (deploy/nebulab-portal.nginx shows one), or a login of its own: "
            f"{contract.PORTAL_OIDC}.",
        )
    if galaxys.scheme == "https" and ours.scheme != "https":
        raise SettingsError("Galaxy is on HTTPS, the portal is not: browsers keep Galaxy's login from it.")
    return f"{settings.url}, beside {settings.galaxy_page}"


def _login(settings: PortalSettings) -> str:
    return Provider(settings).check() if settings.oidc else "Galaxy's"


def _secrets(settings: PortalSettings) -> str:
    number = settings.check_secrets()
    return f"{number} of tickets and figures" if number else "none of tickets and figures"


def _domains(settings: PortalSettings) -> str:
    own = len(read_domains(settings.domains_file).own)
    return f"{own} of your own" if own else "the lists that come with Nebulab"


def _database(settings: PortalSettings) -> str:
    if not settings.has_data:
        return f"none yet: made in {settings.folder} at the first start"
    with Database(settings.database_url) as database:
        try:
            there, wanted = database.revision()
        except Exception as error:
            raise SettingsError(f"{database.url.render_as_string()} does not answer: {error}") from error
    state = "up to date" if there == wanted else f"of version {there}: brought to {wanted} at the start"
    return f"{database.url.render_as_string()}, {state}"


def _galaxy(settings: PortalSettings) -> str:
    with administration(settings) as galaxy:
        user = galaxy.get("users/current")
        if not user.get("is_admin"):
            raise SettingsError(f"The key is that of {user.get('email')}, who is no administrator of Galaxy.")
    return f"{settings.galaxy}, as {user.get('email')}"


def _hours(settings: PortalSettings) -> str:
    if not settings.galaxy_database:
        return "Galaxy's database is not named: no GPU hours, no expected wait"
    tables = GalaxyTables(settings.galaxy_database, settings.job_gpus)
    jobs = tables.jobs(clock.now() - _WEEK)
    # Whether roles and groups can be read, of nobody.
    tables.names([-1])
    return f"sessions and jobs with GPUs in the last week: {len(jobs)}"


def _mail(settings: PortalSettings) -> str:
    if not settings.smtp:
        return "no server: mails are shown on the portal's page Mails"
    MailServer(settings).check()
    return f"{urlsplit(settings.smtp).hostname}, from {settings.sender}"
