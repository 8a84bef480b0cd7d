"""`nebulab.galaxy` alone makes requests to Galaxy: every other module with an HTTP client is listed here, and why."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import nebulab

PACKAGE = Path(nebulab.__file__).parent
CLIENTS = (
    *("aiohttp", "bioblend", "httpx", "httpx2", "http.client", "requests", "tornado.httpclient"),
    *("urllib.request", "urllib3"),
)
SERVING = frozenset({"BodyPartReader", "hdrs", "web"})
"""What aiohttp has for servers."""
OTHERS = {
    "fetching": "fetches weights and published data from servers that are no Galaxy",
    "kernel.classic": "hands a notebook the BioBlend connection that it asks for, and asks nothing with it",
    "kernel.remote": "the same: what `run_script_job` returned ever since",
    "laptop.running": "asks the Lab that it started",
    "pool.exporters": "asks exporters of GPUs on the cluster's machines",
    "pool.reading": "makes the client for them",
    "portal.login.answers": "the way to the provider of logins: what it says has a size and a time",
    "portal.login.provider": "asks the provider of logins, as Authlib does",
    "portal.login.failing": "knows that client's errors",
    "relay": "carries on what browsers and notebooks ask; in the broker it is the way to Galaxy",
    "session.broker.passage": "the broker's relay: to Galaxy, with what a notebook asked and the key",
    "session.broker.events": "the same, for the stream of events",
    "session.lab.asking": "asks the broker what the page wants to know, in JupyterLab's own loop",
    "session.lab.git": "asks the broker for the user's name and e-mail, in JupyterLab's own loop",
    "session.lab.server": "asks JupyterLab",
    "session.lab.state": "asks the session's process",
    "session.lab.trainings.figure": "asks the broker for a figure, which is no JSON, in JupyterLab's own loop",
    "session.live": "makes the client; JupyterLab is asked with it here, Galaxy in `nebulab.galaxy`",
    "session.run": "makes the client where a session can't start; Galaxy is asked with it in `nebulab.galaxy`",
    "session.watches.activity": "asks JupyterLab",
    "session.watches.hours": "asks the portal, with a ticket, for the user's GPU hours",
    "stack.parts": "asks the proxy",
    "stack.proxy.server": "relays to sessions",
    "stack.supervisor": "makes the client; each part is asked in `stack.parts`, Galaxy in `nebulab.galaxy`",
}


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is below `node`, but for what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from running(child)


def imported(source: str) -> Iterator[str]:
    """Yield the full name of all that a module imports when it runs."""
    for node in running(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def has_client(source: str) -> bool:
    return any(
        f"{name}.".startswith(f"{client}.")
        for name in imported(source)
        for client in CLIENTS
        if name not in {f"aiohttp.{part}" for part in SERVING}
    )


def test_only_what_is_listed_has_an_http_client() -> None:
    found = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if has_client(path.read_text(encoding="utf-8"))
    }
    others = {name for name in found if not name.startswith("galaxy.")}
    assert others == set(OTHERS), "ask Galaxy in nebulab.galaxy; a client for something else is listed with the reason"
    assert found - others >= {"galaxy.connection", "galaxy.looks"}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import httpx", True),
        ("import httpx as h", True),
        ("def late():\n    import urllib.request", True),
        ("from urllib import request", True),
        ("from aiohttp import ClientSession, web", True),
        ("from bioblend.galaxy import GalaxyInstance", True),
        ("import urllib.parse", False),
        ("from aiohttp import hdrs, web", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import aiohttp", False),
    ],
)
def test_clients_are_found(source: str, found: bool) -> None:
    assert has_client(source) is found
