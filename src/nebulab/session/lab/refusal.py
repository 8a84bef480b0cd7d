"""The page for a browser that comes without the session's token; runs in JupyterLab's process."""

from __future__ import annotations

from nebulab import pages

SENTENCE = "Open this session from Galaxy, in a tab of its own: the address there holds its token."
HEADERS = pages.HEADERS | {"Content-Type": "text/html; charset=utf-8"}
PAGE = pages.page(
    "This address does not open the session",
    """<p>The session is private: its full address, with a secret token, is in Galaxy.</p>
<p>In Galaxy, open <strong>Interactive Tools</strong> and click the session's name. For a Lab on your own machine, take
the address that it printed when it started.</p>""",
)
