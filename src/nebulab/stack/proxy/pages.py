"""The proxy's own error pages: 404, no such session; 502, a session that does not answer; runs in the proxy."""

from __future__ import annotations

from html import escape

from aiohttp import hdrs, web

from nebulab import pages

_RETRY_SECONDS = 2
_HEADERS = pages.HEADERS | {"Content-Security-Policy": pages.POLICY}


def no_such_session(request: web.Request, galaxy_url: str) -> web.Response:
    """Answer 404: the address has no token of a running session."""
    return _answer(
        request,
        status=404,
        title="This session has ended, or the address is not complete",
        sentences=(
            "What you saved in it is in your Galaxy history.",
            "To go on working, start the tool again in Galaxy; to find sessions that still run, open Interactive "
            "Tools there.",
        ),
        galaxy_url=galaxy_url,
    )


def not_answering(request: web.Request, galaxy_url: str) -> web.Response:
    """Answer 502: the session is known and does not answer; the page reloads itself."""
    return _answer(
        request,
        status=502,
        title="The session does not answer yet",
        sentences=(
            "It is starting, or it has just ended. This page tries again by itself.",
            "If it stays, look at the job in your Galaxy history.",
        ),
        galaxy_url=galaxy_url,
        retry=True,
    )


def _answer(
    request: web.Request,
    *,
    status: int,
    title: str,
    sentences: tuple[str, ...],
    galaxy_url: str,
    retry: bool = False,
) -> web.Response:
    headers = _HEADERS | ({hdrs.RETRY_AFTER: str(_RETRY_SECONDS)} if retry else {})
    if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
        text = f"{title}. {' '.join(sentences)}\n"
        return web.Response(status=status, text=text, headers=headers)
    link = f'<p><a href="{escape(galaxy_url, quote=True)}">Open Galaxy</a></p>'
    body = "\n".join(f"<p>{escape(sentence)}</p>" for sentence in sentences) + "\n" + link
    head = f'\n<meta http-equiv="refresh" content="{_RETRY_SECONDS}">' if retry else ""
    page = pages.page(title, body, head=head)
    return web.Response(status=status, text=page, content_type="text/html", headers=headers)
