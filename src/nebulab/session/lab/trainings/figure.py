"""A figure of a training out of Galaxy, checked to be a picture; runs in JupyterLab's process."""

# tornado's classes carry no types.
# mypy: disable-error-code="misc"

from __future__ import annotations

import os

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.web import HTTPError

from nebulab.session.lab.asking import ask

_SECONDS = 60
_MOST_BYTES = 8 * 2**20
_PNG = b"\x89PNG\r\n\x1a\n"


async def png(dataset_id: str) -> bytes:
    """Return a figure's bytes.

    Raises
    ------
    HTTPError
        It is no PNG, or too large to be shown.
    """
    shown = await ask("GET", f"datasets/{dataset_id}")
    if (shown.get("file_size") or 0) > _MOST_BYTES:
        raise HTTPError(413, "This figure is too large to be shown here; its dataset is in the history.")
    galaxy = os.environ.get("GALAXY_URL", "").rstrip("/")
    request = HTTPRequest(
        f"{galaxy}/api/datasets/{dataset_id}/display?to_ext=data",
        headers={"x-api-key": os.environ.get("API_KEY", "")},
        request_timeout=_SECONDS,
    )
    try:
        answer = await AsyncHTTPClient().fetch(request)
    except (HTTPClientError, OSError) as error:
        raise HTTPError(503, "Galaxy does not answer. Try it again.") from error
    if not answer.body.startswith(_PNG):
        raise HTTPError(415, "This dataset is no PNG picture.")
    return bytes(answer.body)
