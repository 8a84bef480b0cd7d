"""Small web pages in place of a session that can't be shown, without a script or another file; runs everywhere."""

from __future__ import annotations

from html import escape

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""A page needs nothing but its own style."""
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">{head}
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto; padding: 0 1rem; color: #222;
  background: #fff }}
h1 {{ font-size: 1.5rem }}
a {{ color: #25537b }}
.button {{ display: inline-block; padding: .6rem 1.2rem; border-radius: .4rem; background: #25537b; color: #fff;
  font: inherit; font-weight: 600; text-decoration: none; border: 0; cursor: pointer }}
.button:hover, .button:focus-visible {{ background: #1a3d5c }}
.button:focus-visible {{ outline: 3px solid #ffb400; outline-offset: 2px }}
@media (prefers-color-scheme: dark) {{
  body {{ background: #1b1b1f; color: #ddd }}
  a {{ color: #8ab4f8 }}
  .button {{ background: #8ab4f8; color: #10203a }}
  .button:hover, .button:focus-visible {{ background: #aecbfa }}
}}
</style>
</head>
<body>
<main>
<h1>{heading}</h1>
{body}
</main>
</body>
</html>
"""


def page(title: str, body: str, *, heading: str = "", head: str = "") -> str:
    """Return a page as HTML; `body` and `head` are HTML, `title` and `heading` (else the title) plain text."""
    return _PAGE.format(head=head, title=escape(title), heading=escape(heading or title), body=body)
