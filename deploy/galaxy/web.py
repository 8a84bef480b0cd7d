"""Galaxy's web server with our plug-in for job metrics, and sooner: what few need is made at the first need.

Called as `python web.py <options of galaxy-web>` in Galaxy's environment. Galaxy looks for plug-ins in one folder of
its own; a server links ours there, while the environment of `nebulab up` may be another's to write. Half of a start's
time, and a third of the memory, went into the checks of the arguments and answers of a thousand routes, each made two
or three times, since routers are put into routers; and into a description of them all, for which hardly anybody asks.
"""

from __future__ import annotations

import os
import sys
import threading
from copy import copy
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def check_at_first_use() -> None:
    """Have FastAPI make the check of an argument or an answer when the first one comes, not with its route."""
    from fastapi._compat import v2

    field_type: Any = v2.ModelField
    make = field_type.__post_init__
    one_at_a_time = threading.RLock()

    def keep(field: Any) -> None:
        # Routes may share one, whose annotation FastAPI changes for the next.
        field.as_it_was = copy(field.field_info)

    def check(field: Any) -> Any:
        with one_at_a_time:
            since, field.field_info = field.field_info, field.as_it_was
            make(field)
            field.field_info = since
        return field.__dict__["_type_adapter"]

    once: Any = cached_property(check)
    once.__set_name__(field_type, "_type_adapter")
    field_type._type_adapter = once
    field_type.__post_init__ = keep


def describe_when_asked() -> None:
    """Have Galaxy describe its API at the first request for it, in a thread: others are answered meanwhile."""
    from galaxy.webapps.galaxy import fast_app
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    def later(app: Any, galaxy: Any) -> None:
        # Those that Galaxy describes; it adds others afterwards.
        so_far = SimpleNamespace(routes=list(app.routes))

        def described() -> Any:
            app.openapi_schema = app.openapi_schema or fast_app._build_merged_openapi(so_far, galaxy)
            return app.openapi_schema

        def answer(request: Request) -> JSONResponse:
            return JSONResponse(described())

        app.openapi = described
        # Before FastAPI's own, which would make it in the loop that answers everybody.
        app.router.routes.insert(0, Route(app.openapi_url, answer, include_in_schema=False))

    fast_app.include_legacy_openapi = later


def add_plugins() -> None:
    """Have Galaxy find our plug-in for job metrics."""
    from galaxy.job_metrics import instrumenters

    instrumenters.__path__.append(str(Path(__file__).parent / "nebulab_job_metrics" / "plugins"))


def main() -> None:
    """Run galaxy-web."""
    # Pydantic would load logfire's plugin, which sends traces for whoever has configured it. No job inherits this.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    from galaxy.webapps.galaxy import script

    add_plugins()
    check_at_first_use()
    describe_when_asked()
    del os.environ["PYDANTIC_DISABLE_PLUGINS"]
    script.main()


if __name__ == "__main__":
    sys.argv[0] = "galaxy-web"
    main()
