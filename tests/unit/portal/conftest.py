"""A portal without its process: a database of both kinds for each test, and a small Galaxy on loopback."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from starlette.testclient import TestClient

from nebulab.galaxy.administration import Administration
from nebulab.galaxy.settings import GalaxySettings
from nebulab.galaxy.signed_in import Visitors
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Base
from nebulab.portal.hours.galaxy_tables import GalaxyTables
from nebulab.portal.rules.context import Context
from nebulab.portal.rules.domains import Domains, Standing
from nebulab.portal.settings import PortalSettings
from nebulab.portal.web.visit import Portal
from nebulab.portal.work.chores import Chores
from nebulab.portal.work.post import Mailbox
from support import postgresql as servers
from support.applicants import Browser, Clock
from support.fake_accounts import KEY, FakeAccounts
from support.galaxy_database import GalaxyDatabase
from support.portal_routes import application_for


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
            head = database.revision()[1]
        cleaner = create_engine(url, isolation_level="AUTOCOMMIT")

        def emptied() -> str:
            with cleaner.connect() as connection:
                # Without triggers: the log's refuse it.
                connection.execute(text("SET session_replication_role = replica"))
                connection.execute(text(f"TRUNCATE {', '.join(Base.metadata.tables)} RESTART IDENTITY"))
                connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})
                connection.execute(text("SET session_replication_role = DEFAULT"))
            return url

        yield emptied
        cleaner.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with the portal's tables: each test runs on both kinds, on PostgreSQL not with `--unit`."""
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


@pytest.fixture
def browser(portal: Portal, galaxy: FakeAccounts) -> Iterator[Callable[..., Browser]]:
    """Open a browser for an account: `browser("ada", "ada@uni-freiburg.de")`, or for nobody."""
    app = application_for(portal)
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


@pytest.fixture
def galaxy_database(database: Database, tmp_path: Path) -> Iterator[GalaxyDatabase]:
    """Galaxy's tables, in a database of the same kind as the portal's."""
    url = f"sqlite:///{tmp_path}/galaxy.sqlite"
    filled = GalaxyDatabase(url if database.is_sqlite else database.url.render_as_string(hide_password=False))
    yield filled
    filled.close()


@pytest.fixture
def galaxy_tables(galaxy_database: GalaxyDatabase) -> GalaxyTables:
    return GalaxyTables(galaxy_database.url)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved, real = Clock(), clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + moved.moved)
    return moved
