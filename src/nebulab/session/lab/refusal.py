"""The page for a browser that comes without the session's token; runs in JupyterLab's process.

It holds its own style: without the token JupyterLab's are refused too.
"""

from __future__ import annotations

SENTENCE = "Open this session from Galaxy, in a tab of its own: the address there holds its token."
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Type": "text/html; charset=utf-8",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>This address does not open the session</title>
<style>
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.5rem }
@media (prefers-color-scheme: dark) { body { background: #1b1b1f; color: #ddd } }
</style>
</head>
<body>
<main>
<h1>This address does not open the session</h1>
<p>The session is private: its full address, with a secret token, is in Galaxy.</p>
<p>In Galaxy, open <strong>Interactive Tools</strong> and click the small arrow behind the session's name: it opens in a
tab of its own. For a Lab on your own machine, take the address that it printed when it started.</p>
</main>
</body>
</html>
"""
