"""Path and query of a request: decoded once, judged, and encoded anew; runs in the session.

Two servers may disagree about `%2e%2e`, `//`, `;` or a second `%`. A path is refused if it has one of these, and what
is sent on is written here, so that every server behind the broker reads what the broker has read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote, unquote_to_bytes

from nebulab.session.broker.refusals import refused

Parameters = list[tuple[str, str]]

_PLAINLY = "Write the address plainly; what has such a sign in its name has an id."
_PATH = re.compile(r"/[\x21-\x7e]*")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Left as they are in a path (RFC 3986, pchar), so that names like `name:x` and `1.0+galaxy0` stay readable.
_SAFE_IN_PATH = "/:@+,=!$&'()*~"
_SAFE_IN_QUERY = "/:,"
_QUERY = re.compile(r"[\x21\x22\x24-\x7e]*")
_PARAMETER = re.compile(r"[A-Za-z0-9_.|:\[\]-]{1,200}")
_MOST_PARAMETERS = 1000


def read_path(raw: str) -> str:
    """Return the decoded path.

    Raises
    ------
    NotAllowed
        The path has signs that could be read in two ways.
    """
    if not raw.startswith("/"):
        raise refused("the address must be a path", "Ask for /api/… of the address in GALAXY_URL.")
    if not _PATH.fullmatch(raw) or _BROKEN_ESCAPE.search(raw):
        raise refused("the path has signs that must be percent-encoded", _PLAINLY)
    if "%2f" in raw.lower():
        raise refused("the path contains '%2F', an encoded slash", _PLAINLY)
    try:
        plain = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise refused("the path is not UTF-8", _PLAINLY) from None
    strange = next((sign for sign in plain if sign in "%\\;" or unicodedata.category(sign) == "Cc"), None)
    # A raw `#` would end the path for some; encoded, it is part of a name.
    if strange is not None or "#" in raw:
        raise refused(f"the path contains {strange or '#'!r}", _PLAINLY)
    if any(part in {"", ".", ".."} for part in plain[1:].split("/")):
        raise refused("the path leads elsewhere than it says", "Write the address plainly, without a slash at its end.")
    return plain


def write_path(plain: str) -> str:
    """Return the one way in which a decoded path is sent on."""
    return quote(plain, safe=_SAFE_IN_PATH)


def read_query(raw: str) -> Parameters:
    """Return every parameter with its value, decoded.

    Raises
    ------
    NotAllowed
        A name is unusual, or the text is not UTF-8.
    """
    if not _QUERY.fullmatch(raw):
        raise refused("the query has signs that must be percent-encoded", "Encode it as urllib.parse.urlencode does.")
    pieces = [piece for piece in raw.split("&") if piece]
    if len(pieces) > _MOST_PARAMETERS:
        raise refused(f"the query has more than {_MOST_PARAMETERS} parameters", "Ask several times.")
    found = []
    for piece in pieces:
        name, _, value = piece.partition("=")
        plain = _decoded(name)
        if not _PARAMETER.fullmatch(plain):
            raise refused(f"the parameter {plain!r} has an unusual name", "Use the names of Galaxy's API.")
        found.append((plain, _decoded(value)))
    return found


def write_query(parameters: Iterable[tuple[str, str]]) -> str:
    """Return the one way in which parameters are sent on."""
    return "&".join("=".join(quote(text, safe=_SAFE_IN_QUERY) for text in parameter) for parameter in parameters)


def _decoded(text: str) -> str:
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode()
    except UnicodeDecodeError:
        raise refused("the query is not UTF-8", "Encode it as urllib.parse.urlencode does.") from None
