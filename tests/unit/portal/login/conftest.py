"""A portal with a login of its own, beside a provider on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from nebulab.galaxy.signed_in import Visitors
from nebulab.portal.data.database import Database
from nebulab.portal.login.logins import Logins
from nebulab.portal.rules.context import Context
from nebulab.portal.settings import PortalSettings
from nebulab.portal.web.visit import Portal
from nebulab.portal.work.chores import Chores
from support.applicants import told
from support.identity import CLIENT, SECRET, FakeProvider
from support.portal_routes import application_for


@pytest.fixture(scope="session")
def _provider() -> Iterator[FakeProvider]:
    fake = FakeProvider()
    yield fake
    fake.stop()


@pytest.fixture
def provider(_provider: FakeProvider) -> FakeProvider:
    _provider.reset()
    return _provider


@pytest.fixture
def settings(settings: PortalSettings, provider: FakeProvider, tmp_path: Path) -> PortalSettings:
    secret = tmp_path / "oidc-secret"
    secret.touch(0o600)
    secret.write_text(SECRET)
    return replace(
        settings,
        oidc=provider.issuer,
        oidc_client=CLIENT,
        oidc_secret_file=secret,
        oidc_name="Example University",
        url="https://gpu.example.org",
    )


@pytest.fixture
def portal(database: Database, context: Context, chores: Chores, _visitors: Visitors) -> Iterator[Portal]:
    logins = Logins(context.settings, database)
    yield Portal(context, database, _visitors, chores, logins=logins)
    logins.close()


@dataclass
class Person:
    """Somebody's browser, and the provider that it is led to."""

    client: TestClient
    provider: FakeProvider

    def led_away(self, page: str = "/") -> str:
        """Begin a login, and return the address that the browser is led to."""
        answer = self.client.get("/sign-in", params={"next": page})
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def log_in(self, page: str = "/") -> object:
        """Log in at the provider, and return the portal's answer."""
        return self.come_back(self.provider.log_in(self.led_away(page)))

    def come_back(self, address: str) -> object:
        return self.client.get(address)

    def page(self, page: str = "/") -> str:
        return told(self.client.get(page).text)


@pytest.fixture
def person(portal: Portal, provider: FakeProvider) -> Iterator[Callable[[], Person]]:
    """Open somebody's browser."""
    app = application_for(portal)
    opened: list[TestClient] = []

    def open_() -> Person:
        client = TestClient(
            app, base_url="https://gpu.example.org", follow_redirects=False, raise_server_exceptions=False
        )
        opened.append(client.__enter__())
        return Person(client, provider)

    yield open_
    for client in opened:
        client.__exit__(None, None, None)
