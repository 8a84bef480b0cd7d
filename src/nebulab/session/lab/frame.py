"""The entry point's first request out of a frame of Galaxy's page; runs in JupyterLab's process.

Galaxy and a session differ in host name, so that in a frame the Lab's cookie is a third party's, which most browsers
don't keep. Whether this one does shows in its second request, and until then the Lab is not loaded.
"""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from tornado.httputil import HTTPServerRequest

SECOND = "second"
"""The query's name that marks the second request."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The page below needs nothing but its own style."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Open the Lab in a new tab</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1rem; color: #222;
  background: #fff }}
h1 {{ font-size: 1.5rem }}
a {{ display: inline-block; padding: .6rem 1.2rem; border-radius: .4rem; background: #25537b; color: #fff;
  font-weight: 600; text-decoration: none }}
a:hover, a:focus-visible {{ background: #1a3d5c }}
a:focus-visible {{ outline: 3px solid #ffb400; outline-offset: 2px }}
@media (prefers-color-scheme: dark) {{
  body {{ background: #1b1b1f; color: #ddd }}
  a {{ background: #8ab4f8; color: #10203a }}
  a:hover, a:focus-visible {{ background: #aecbfa }}
}}
</style>
</head>
<body>
<main>
<h1>Your session is running</h1>
<p>Your browser does not let the Lab run inside Galaxy's page.</p>
<p><a href="{address}" target="_blank" rel="noopener">Open the Lab in a new tab</a></p>
<p>You can come back here at any time: what you save in the Lab goes to your history.</p>
</main>
</body>
</html>
"""


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
    return _PAGE.format(address=escape(f"{path}?{urlencode({'token': token})}", quote=True))
