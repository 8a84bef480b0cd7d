"""Galaxy as the Lab's page sees it: JSON from the session's broker, with its token; runs in JupyterLab's process."""

# tornado's classes carry no types.
# mypy: disable-error-code="misc"

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.web import HTTPError

_SECONDS = 60
_AWAY = 503
_NO_ANSWER = "Galaxy does not answer. Your work in this session goes on; try again in a minute."


async def ask(
    method: str,
    path: str,
    query: Mapping[str, object] | None = None,
    payload: object = None,
    *,
    seconds: float = _SECONDS,
    accept: str = "application/json",
) -> Any:
    """Return the JSON that Galaxy answers to `method` `/api/<path>`; of `query` what is None is left out.

    A list in `query` is a parameter that is there several times; `accept` is the form of JSON that is asked for.

    Raises
    ------
    HTTPError
        Galaxy or the broker refuses it, with its status and its sentence; 503 where Galaxy does not answer.
    """
    named = {name: value for name, value in (query or {}).items() if value is not None}
    address = f"{os.environ.get('GALAXY_URL', '').rstrip('/')}/api/{path}"
    request = HTTPRequest(
        f"{address}?{urlencode(named, doseq=True)}" if named else address,
        method=method,
        headers={"x-api-key": os.environ.get("API_KEY", ""), "Content-Type": "application/json", "Accept": accept},
        body=None if payload is None and method in {"GET", "DELETE"} else json.dumps(payload),
        allow_nonstandard_methods=True,
        request_timeout=seconds,
    )
    try:
        answer = await AsyncHTTPClient().fetch(request)
    except HTTPClientError as error:
        if error.response is None:  # no answer in time
            raise HTTPError(_AWAY, _NO_ANSWER) from error
        raise HTTPError(error.code, _sentence(error.response.body) or error.message) from error
    except (OSError, ValueError) as error:
        raise HTTPError(_AWAY, _NO_ANSWER) from error
    return json.loads(answer.body or b"null")


def _sentence(body: bytes) -> str:
    """Return the sentence of a refusal, on one line."""
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    message = answer.get("err_msg") or answer.get("message") if isinstance(answer, dict) else ""
    return " ".join(str(message or "").split())
