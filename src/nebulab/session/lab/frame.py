"""The entry point's first request out of a frame of Galaxy's page; runs in JupyterLab's process.

Galaxy and a session differ in host name, so that in a frame the Lab's cookie is a third party's, which most browsers
don't keep. Whether this one does shows in its second request, and until then the Lab is not loaded.
"""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from tornado.httputil import HTTPServerRequest

from nebulab import pages

SECOND = "second"
"""The query's name that marks the second request."""

_BODY = """<p>Your browser does not let the Lab run inside Galaxy's page.</p>
<p><a class="button" href="{address}" target="_blank" rel="noopener">Open the Lab in a new tab</a></p>
<p>You can come back here at any time: what you save in the Lab goes to your history.</p>"""


def may_be_framed(request: HTTPServerRequest) -> bool:
    """Whether a page is asked for, and not certainly for a tab of its own.

    Browsers leave `Sec-Fetch-Dest` out where the address has neither https nor the name localhost.
    """
    wanted = request.headers.get("Sec-Fetch-Dest")
    if wanted is None:
        return "text/html" in request.headers.get("Accept", "")
    return wanted in {"iframe", "frame", "embed", "object"}


def again(path: str, token: str) -> str:
    """Return the address of the second request."""
    return f"{path}?{urlencode({'token': token, SECOND: 1})}"


def page(path: str, token: str) -> str:
    """Return the page that opens `path` in a new tab."""
    address = escape(f"{path}?{urlencode({'token': token})}", quote=True)
    return pages.page("Open the Lab in a new tab", _BODY.format(address=address), heading="Your session is running")
