"""Print every route of the Galaxy in whose environment this runs, with its methods, and Galaxy's version first.

Run by `nebulab.develop.broker_routes` with that environment's Python, which has nothing of Nebulab. Galaxy's modules
are imported, and nothing of it is started: no database is opened.
"""

from __future__ import annotations

import inspect
import re
import tempfile
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")


def fastapi_routes() -> Iterator[tuple[str, str]]:
    """Yield the routes of the FastAPI application, those outside of its OpenAPI page too."""
    from galaxy.webapps.base.api import include_all_package_routers
    from galaxy.webapps.galaxy.fast_app import get_fastapi_instance, include_tus

    app = get_fastapi_instance()
    include_all_package_routers(app, "galaxy.webapps.galaxy.api")
    with tempfile.TemporaryDirectory() as folder:
        config = SimpleNamespace(
            tus_upload_store=folder, tus_upload_store_job_files=None, new_file_path=folder, maximum_upload_file_size=1
        )
        include_tus(app, SimpleNamespace(config=config))
    for route in app.routes:
        for method in getattr(route, "methods", None) or ("GET",):
            yield method, getattr(route, "path", "/")


def wsgi_routes() -> Iterator[tuple[str, str]]:
    """Yield the routes of the WSGI application (`buildapp`), whose methods read query, form and JSON alike."""
    from galaxy.webapps.galaxy import buildapp

    actions: dict[tuple[bool, str], type] = {}
    buildapp.GalaxyWebApplication = _recorder(actions)
    stack = SimpleNamespace(register_postfork_function=lambda *_: None)
    app = SimpleNamespace(config=SimpleNamespace(enable_oidc=True), application_stack=stack, trace_logger=None)
    application, _ = buildapp.app_pair(
        {}, app=app, middleware=False, static_enabled=False, register_shutdown_at_exit=False
    )
    for rule in application.mapper.matchlist:
        path = "/" + re.sub(r"[:{]\(?(\w+)(:[^{}]*)?\)?\}?", r"{\1\2}", rule.routepath.lstrip("/"))
        methods = (rule.conditions or {}).get("method", METHODS)
        for shown in _served(path, rule.defaults, actions):
            for method in [methods] if isinstance(methods, str) else methods:
                yield method, shown
    yield from (("GET", f"/{rule.routepath.lstrip('/')}") for rule in application.clientside_routes.matchlist)


def _recorder(actions: dict[tuple[bool, str], type]) -> type:
    """Return a web application that starts nothing: it notes the classes behind its routes in `actions`."""
    from galaxy.web.framework import base
    from galaxy.webapps.base import controller, webapp

    kinds = {True: controller.BaseAPIController, False: controller.BaseUIController}

    class Recorder(webapp.WebApplication):  # type: ignore[misc]
        def __init__(self, *_: Any, **__: Any) -> None:
            base.WebApplication.__init__(self)

        def add_ui_controllers(self, package_name: str, app: Any) -> None:
            self._note(package_name, is_api=False)

        def add_api_controllers(self, package_name: str, app: Any) -> None:
            self._note(package_name, is_api=True)

        def _note(self, package: str, *, is_api: bool) -> None:
            for name, module in base.walk_controller_modules(package):
                for found in vars(module).values():
                    if inspect.isclass(found) and issubclass(found, kinds[is_api]) and "Base" not in found.__name__:
                        actions[is_api, getattr(found, "controller_name", name)] = found

        def finalize_config(self) -> None:
            pass

        def build_apispec(self) -> None:
            pass

    return Recorder


def _served(path: str, defaults: dict[str, str], actions: dict[tuple[bool, str], type]) -> Iterator[str]:
    """Yield the paths that a rule serves: none where its controller's method is gone."""
    is_api = path.startswith("/api")
    if path == "/{controller}/{action}":
        for (of_api, name), kind in actions.items():
            if not of_api:
                yield from (f"/{name}/{action}" for action, value in vars(kind).items() if _is_exposed(value))
    else:
        found = actions.get((is_api, defaults.get("controller", "")))
        if "{action}" in path or _is_exposed(getattr(found, defaults.get("action", "index"), None)):
            yield path


def _is_exposed(found: Any) -> bool:
    return bool(getattr(found, "exposed", False))


def main() -> None:
    """Print the routes in order, without the second address of those that end with a slash as well."""
    found: dict[str, set[str]] = {}
    for routes in (fastapi_routes, wsgi_routes):
        for method, path in routes():
            found.setdefault(path.rstrip("/") or "/", set()).add(method)
    from galaxy.version import VERSION

    print(VERSION)
    for path, methods in sorted(found.items()):
        print(path, *sorted(methods))


if __name__ == "__main__":
    main()
