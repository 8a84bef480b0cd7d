"""The session's state as the session's own process tells it, through the broker; runs in JupyterLab's process."""

# tornado's classes carry no types.
# mypy: disable-error-code="misc"

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.web import HTTPError

_SECONDS = 10


async def ask_session(settings: Mapping[str, Any], path: str = "", method: str = "GET") -> dict[str, Any] | None:
    """Return the answer to `path` below the session's address, or None where no session is around this JupyterLab.

    Raises
    ------
    HTTPError
        503: the session does not answer.
    """
    address, token = settings["nebulab_session"]
    if not address:
        return None
    request = HTTPRequest(
        address + path,
        method=method,
        headers={"x-api-key": token},
        body=b"" if method == "POST" else None,
        request_timeout=_SECONDS,
    )
    try:
        answer = await AsyncHTTPClient().fetch(request)
    except (HTTPClientError, OSError) as error:
        raise HTTPError(503, "The session does not answer.") from error
    return dict(json.loads(answer.body))
