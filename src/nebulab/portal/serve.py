"""The portal's process: web server and chores, from the settings, to its end; runs beside Galaxy."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from nebulab.errors import SettingsError
from nebulab.files import locked, private_folder
from nebulab.galaxy.administration import Administration
from nebulab.galaxy.settings import GalaxySettings
from nebulab.galaxy.signed_in import Visitors
from nebulab.portal.data.database import Database
from nebulab.portal.login.logins import Logins
from nebulab.portal.rules.context import Context
from nebulab.portal.rules.domains import read_domains
from nebulab.portal.settings import PortalSettings, keep
from nebulab.portal.web.app import make_app
from nebulab.portal.web.visit import Portal, make_ready
from nebulab.portal.work.chores import Chores
from nebulab.portal.work.post import post_of

_log = logging.getLogger(__name__)
_PATIENCE_SECONDS = 5.0
"""How long one request of a chore tries to reach Galaxy: its errand is tried again later."""
_TIMEOUT_SECONDS = 20.0


def administration(settings: PortalSettings) -> Administration:
    """Return the connection of the chores to Galaxy.

    Raises
    ------
    SettingsError
        There is no administrator's key, or others may read it.
    """
    return Administration(
        GalaxySettings(settings.galaxy, settings.key, patience=_PATIENCE_SECONDS, timeout=_TIMEOUT_SECONDS)
    )


@contextmanager
def _for_its_user_alone() -> Iterator[None]:
    """Have what this process makes (its lock, the database, its journal) be its user's alone, whoever starts it."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def opened(settings: PortalSettings) -> Iterator[Portal]:
    """Make all parts of a portal, its tables included, and close them with the block; its chores are not begun.

    Raises
    ------
    SettingsError
        A setting can't be used, or the database does not answer.
    """
    private_folder(settings.folder)
    settings.check_secrets()
    context = Context(settings, read_domains(settings.domains_file))
    with (
        _for_its_user_alone(),
        administration(settings) as galaxy,
        Database(settings.database_url) as database,
    ):
        database.upgrade()
        visitors = Visitors(settings.galaxy)
        logins = Logins(settings, database) if settings.oidc else None
        chores = Chores(database, context, galaxy, post_of(settings))
        try:
            yield Portal(context, database, visitors, chores, logins=logins)
        finally:
            visitors.close()
            if logins is not None:
                logins.close()


@_for_its_user_alone()
def serve(settings: PortalSettings) -> None:
    """Serve until a signal.

    Raises
    ------
    SettingsError
        As `opened`; another portal has this folder, or something else the port.
    """
    private_folder(settings.folder)
    with locked(settings.folder / "portal.lock", wait=False) as alone:
        if not alone:
            raise SettingsError(
                f"Another portal runs on {settings.folder}.", "Stop that one, or give this one a folder of its own."
            )
        with _listening(settings) as listener, opened(settings) as portal:
            keep(settings)
            portal.chores.start()
            make_ready()
            # The lists of domains are read at the first question.
            portal.context.domains.standing("somebody@example.org")
            _log.info("the portal listens on %s:%d, for %s", settings.host, settings.port, settings.url)
            try:
                # No log of addresses: they hold the links that confirm. `forwarded_allow_ips` is loopback.
                configuration = uvicorn.Config(
                    make_app(portal),
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    timeout_graceful_shutdown=5,
                )
                _run(uvicorn.Server(configuration), listener)
            finally:
                portal.chores.stop()


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    """Run the server until a signal, and return: by itself it ends by raising the signal once more."""

    def end(*_: object) -> None:
        if not server.started:
            raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    server.run(sockets=[listener])


@contextmanager
def _listening(settings: PortalSettings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Named as TCP: asyncio sets TCP_NODELAY only where it is, and an answer's head and body are two writes. Without it
    # who keeps a connection waits 40 ms for each page, until the head is acknowledged.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingsError(
                f"The portal can't listen on {settings.host}:{settings.port}: {error.strerror}.",
                "Does another program have the port? NEBULAB_PORTAL_PORT chooses another.",
            ) from None
        yield listener
