"""A portal without its process: a database of both kinds for each test, and a small Galaxy on loopback."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select, text
from starlette.testclient import TestClient

from nebulab.galaxy.administration import Administration
from nebulab.galaxy.settings import GalaxySettings
from nebulab.galaxy.signed_in import Visitors
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Base, Mail
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.context import Actor, Context
from nebulab.portal.rules.domains import Domains, Standing
from nebulab.portal.rules.forms import Form
from nebulab.portal.settings import PortalSettings
from nebulab.portal.web.app import make_app
from nebulab.portal.web.visit import Portal
from nebulab.portal.work.chores import Chores
from nebulab.portal.work.post import Mailbox
from support import postgresql as servers
from support.fake_accounts import KEY, FakeAccounts


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "portal.sqlite"
    with Database(f"sqlite:///{path}") as database:
        database.upgrade()
        with database.engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
    return path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[], str]]:
    """Empty the one database of a PostgreSQL server, and return its address: a new one for each test takes too long."""
    with servers.running() as server:
        url = server.url("postgres")
        with Database(url) as database:
            database.upgrade()
        cleaner = create_engine(url, isolation_level="AUTOCOMMIT")

        def emptied() -> str:
            with cleaner.connect() as connection:
                # Without triggers: the log's refuse it.
                connection.execute(text("SET session_replication_role = replica"))
                connection.execute(text(f"TRUNCATE {', '.join(Base.metadata.tables)} RESTART IDENTITY"))
                connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
                connection.execute(text("SET session_replication_role = DEFAULT"))
            return url

        yield emptied
        cleaner.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with the portal's tables: each test runs on both kinds."""
    if request.param == "sqlite":
        path = shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "portal.sqlite")
        url = f"sqlite:///{path}"
    else:
        url = request.getfixturevalue("postgresql")()
    with Database(url) as opened:
        yield opened


@pytest.fixture(scope="session")
def _galaxy() -> Iterator[FakeAccounts]:
    fake = FakeAccounts()
    yield fake
    fake.stop()


@pytest.fixture
def galaxy(_galaxy: FakeAccounts) -> FakeAccounts:
    _galaxy.reset()
    return _galaxy


@pytest.fixture
def settings(tmp_path: Path, galaxy: FakeAccounts) -> PortalSettings:
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text(KEY)
    return PortalSettings(
        folder=tmp_path,
        galaxy=galaxy.url,
        galaxy_public="http://localhost:8080",
        url="http://localhost:8095",
        key_file=key,
        contact="gpu@uni-freiburg.de",
    )


@pytest.fixture
def context(settings: PortalSettings) -> Context:
    own = {"company.example.org": Standing.APPROVED, "never.example.org": Standing.REFUSED}
    return Context(settings, Domains(own))


@pytest.fixture(scope="session")
def administration(_galaxy: FakeAccounts) -> Iterator[Administration]:
    # One for all tests: making a client reads the machine's certificates.
    with Administration(GalaxySettings(_galaxy.url, KEY, patience=0, timeout=5)) as connection:
        yield connection


@pytest.fixture(scope="session")
def _visitors(_galaxy: FakeAccounts) -> Iterator[Visitors]:
    visitors = Visitors(_galaxy.url)
    yield visitors
    visitors.close()


@pytest.fixture
def chores(database: Database, context: Context, administration: Administration) -> Chores:
    """The chores, which nobody starts: a test has each look by itself."""
    return Chores(database, context, administration, Mailbox())


@pytest.fixture
def portal(database: Database, context: Context, chores: Chores, _visitors: Visitors) -> Portal:
    _visitors.forget()
    return Portal(context, database, _visitors, chores)


@dataclass
class Browser:
    """Somebody's browser: it has their login in Galaxy, and sends forms as the page has them."""

    client: TestClient
    pages: list[str] = field(default_factory=list)

    def get(self, page: str, **options: Any) -> Any:
        return self.client.get(page, follow_redirects=False, **options)

    def token(self, page: str = "/terms") -> str:
        """Return the token that forms have in this browser now."""
        portal: Portal = self.client.app._app.state.portal  # type: ignore[attr-defined]
        cookies = self.client.cookies
        if portal.forms.cookie not in cookies:
            self.get(page)
        return portal.forms.token(cookies.get(portal.forms.cookie) or "", cookies.get("galaxysession") or "")

    def post(self, page: str, **fields: Any) -> Any:
        """Send a form with its token."""
        return self.client.post(page, data={"form_token": self.token()} | fields, follow_redirects=False)

    def text(self, page: str) -> str:
        """Return what a page says, without its tags."""
        return told(self.get(page).text)


def told(html: str) -> str:
    """Return the text of a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@pytest.fixture
def browser(portal: Portal, galaxy: FakeAccounts) -> Iterator[Callable[..., Browser]]:
    """Open a browser for an account: `browser("ada", "ada@uni-freiburg.de")`, or for nobody."""
    app = make_app(portal)
    opened: list[TestClient] = []

    def open_(name: str = "", email: str = "", *, is_admin: bool = False) -> Browser:
        cookies = {"galaxysession": galaxy.account(name, email, is_admin=is_admin)} if name else {}
        client = TestClient(app, base_url="http://localhost:8095", cookies=cookies, raise_server_exceptions=False)
        # Entered: its requests share one loop.
        opened.append(client.__enter__())
        return Browser(client)

    yield open_
    for client in opened:
        client.__exit__(None, None, None)


ADA = Account("idada", "ada@uni-freiburg.de", "ada")
BOB = Account("idbob", "bob@gmail.com", "bob")
REVIEWER = Actor("idadmin", "admin@uni-freiburg.de")
WRITTEN = {
    "purpose": "Segment nuclei in 900 microscope images",
    "project": "Nuclei",
    "group_leader": "Grace Hopper",
    "institution": "Universität Freiburg",
    "gpu_need": "A U-Net in PyTorch, ten hours a week",
    "email": "ada@uni-freiburg.de",
    "terms": "1",
}


def written(**others: str) -> dict[str, str]:
    """Return a form's fields as somebody fills them in."""
    until = clock.today() + timedelta(days=100)
    return WRITTEN | {"wanted_until": until.isoformat()} | others


def a_form(email: str = "ada@uni-freiburg.de", standing: Standing = Standing.INSTITUTION, days: int = 100) -> Form:
    fields = {name: WRITTEN[name] for name in ("purpose", "project", "group_leader", "institution", "gpu_need")}
    until = clock.today() + timedelta(days=days)
    return Form(**fields, wanted_until=until, email=email, standing=standing, tool="")


def link_in(body: str) -> str:
    """Return the token of the link in a mail."""
    found = re.search(r"/confirm/(\S+)", body)
    assert found
    return found[1]


def mails(database: Database) -> list[Mail]:
    """Return all mails, in their order."""
    with database.reading() as session:
        return list(session.scalars(select(Mail).order_by(Mail.errand_id)))


@dataclass
class Clock:
    """The portal's clock, moved by tests."""

    moved: timedelta = timedelta()

    def move(self, **by: float) -> None:
        self.moved += timedelta(**by)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved, real = Clock(), clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + moved.moved)
    return moved
