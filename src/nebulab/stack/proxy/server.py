"""The interactive tools proxy: from a session's public address to where it listens; a process of the stack.

It serves both kinds of address that Galaxy gives, `http://<key>-<token>.ep.interactivetool.<host>/…` and
`/interactivetool/ep/<key>/<token>/…`, as gx-it-proxy does; an address without a valid token leads nowhere.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import hdrs, web
from multidict import CIMultiDict

from nebulab.relay import SERVER_OPTIONS, end_to_end_headers, is_websocket, relay_client, relay_http, relay_websocket
from nebulab.stack.proxy import pages, sessions_map
from nebulab.stack.proxy.sessions_map import Target

PATH_PREFIX = "/interactivetool/ep"
_CLIENT = web.AppKey("client", aiohttp.ClientSession)
_SHUTDOWN_SECONDS = 2


@dataclass(frozen=True)
class ProxySettings:
    """The proxy's host and port, Galaxy's database of entry points, and the address of Galaxy for its pages.

    By `galaxy_database`, Galaxy's own, the proxy sees which sessions have a host name of their own: these have no other
    address. A path is below the same origin as all others, whose pages could read one another.
    """

    sessions: Path
    galaxy_url: str
    galaxy_database: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0


@dataclass(frozen=True)
class Route:
    """The parts of a public address: the entry point's key and token, the path to ask for, and the public prefix."""

    key: str
    token: str
    path: str
    prefix: str = ""


def route(host: str, raw_path: str) -> Route | None:
    """Parse a `Host` header and a request's path, percent-encoded; None if they name no entry point."""
    if not raw_path.startswith("/"):
        return None
    if raw_path.startswith(f"{PATH_PREFIX}/"):
        path, mark, query = raw_path.removeprefix(f"{PATH_PREFIX}/").partition("?")
        key, _, rest = path.partition("/")
        token, _, rest = rest.partition("/")
        return Route(key, token, f"/{rest}{mark}{query}", f"{PATH_PREFIX}/{key}/{token}")
    name, dot, _ = host.partition(".")
    key, dash, token = name.partition("-")
    return Route(key, token, raw_path) if dot and dash else None


def make_app(settings: ProxySettings) -> web.Application:
    """Return the proxy as an application, to be served with `SERVER_OPTIONS`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        wanted = route(request.headers.get(hdrs.HOST, "").lower(), request.raw_path)
        target = sessions_map.find(settings.sessions, wanted.key, wanted.token) if wanted else None
        if wanted is None or target is None or _is_elsewhere(settings, wanted):
            return pages.no_such_session(request, settings.galaxy_url)
        path = f"{wanted.prefix}{wanted.path}" if target.path_in_url else wanted.path
        relay = relay_websocket if is_websocket(request) else relay_http
        try:
            return await relay(
                request,
                request.app[_CLIENT],
                target.origin + path,
                headers=_request_headers(request, wanted, target),
                response_headers=_keep_address_private,
            )
        except (aiohttp.ClientError, TimeoutError):
            return pages.not_answering(request, settings.galaxy_url)

    async def client(app: web.Application) -> AsyncIterator[None]:
        app[_CLIENT] = relay_client()
        yield
        await app[_CLIENT].close()

    app = web.Application()
    app.cleanup_ctx.append(client)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


def _is_elsewhere(settings: ProxySettings, wanted: Route) -> bool:
    """Whether a path was asked for where a host name is the session's address."""
    database = settings.galaxy_database
    return bool(wanted.prefix) and database is not None and sessions_map.has_domain(database, wanted.token)


def _request_headers(request: web.Request, wanted: Route, target: Target) -> CIMultiDict[str]:
    headers = end_to_end_headers(request.headers)
    for name in ("X-Interactive-Tool-Host", "X-Interactive-Tool-Port"):
        headers.popall(name, None)
    cookies = headers.popall(hdrs.COOKIE, [])
    for line in cookies:
        # Cookies don't tell ports apart: Galaxy's own, which is worth the whole account, would come to path-based
        # addresses on the same host name, and there to the user's code.
        kept = [cookie for cookie in line.split("; ") if not cookie.startswith("galaxy")]
        if kept:
            headers.add(hdrs.COOKIE, "; ".join(kept))
    if target.path_header and wanted.prefix:
        headers[target.path_header] = wanted.prefix
    return headers


def _keep_address_private(headers: CIMultiDict[str]) -> None:
    # The token is in the address, which browsers tell the sites that a notebook links to. Not "no-referrer":
    # JupyterLab refuses downloads without one.
    headers.setdefault("Referrer-Policy", "same-origin")


async def serve(settings: ProxySettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    runner = web.AppRunner(
        make_app(settings),
        # An access log would hold every session's token.
        access_log=None,
        shutdown_timeout=_SHUTDOWN_SECONDS,
        **SERVER_OPTIONS,
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port).start()
    print(f"serving on {settings.host}:{settings.port}", flush=True)
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    """Read the arguments, and serve."""
    parser = argparse.ArgumentParser(prog="nebulab-proxy", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sessions", type=Path, required=True, help="Galaxy's interactivetools_map")
    parser.add_argument("--galaxy-database", type=Path, help="Galaxy's SQLite file: which sessions have a host name")
    parser.add_argument("--galaxy-url", required=True, help="where the pages send people")
    arguments = parser.parse_args()
    settings = ProxySettings(
        sessions=arguments.sessions,
        galaxy_url=arguments.galaxy_url,
        galaxy_database=arguments.galaxy_database,
        port=arguments.port,
    )
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
