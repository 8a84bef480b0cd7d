"""Whether a notebook may ask this of Galaxy: path, parameters and headers of a request; runs in the session.

Whatever is not in `nebulab.session.broker.allowed` is refused, and so is a request that is written to be read in two
ways.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus

from nebulab.errors import NotAllowed
from nebulab.session.broker.allowed import ALLOWED

_PLACES = {
    "{id}": r"[0-9A-Za-z_-]+",
    "{name}": r"[^/]+",
    "{path}": r"[^/]+(?:/[^/]+)*",
    # A tool of the server (`Filter1`), or of a tool shed (`host/repos/owner/name/tool/version`).
    "{tool}": r"[^/]+(?:/repos/[^/]+/[^/]+/[^/]+(?:/[^/]+)?)?",
}

# The last part of a tool's address that asks for the administrator's work, or for the files beside the tool.
_NOT_A_TOOL = frozenset(
    [
        "all_requirements",
        "build_dependency_cache",
        "dependencies",
        "diagnostics",
        "download",
        "error_stack",
        "install_dependencies",
        "raw_tool_source",
        "reload",
        "test_data",
        "test_data_download",
        "test_data_path",
        "tests_summary",
        "workbook",
        "convert",
    ]
)
# Signs which two servers could read differently; both cases of the hexadecimal digits are spelled out, since a pattern
# that ignores case would also take letters of other scripts for ASCII ones.
_PATH_TRICK = re.compile(
    r"//|\\|;|#|[\x00-\x20\x7f-\U0010ffff]|%(?![0-9A-Fa-f]{2})|%(?:[01][0-9A-Fa-f]|2[5EeFf]|3[Bb]|5[Cc]|7[Ff])"
)
_OVERRIDES = frozenset({"x-http-method-override", "x-http-method", "x-method-override", "run-as", "x-run-as"})
# Each shows or changes what belongs to others, which Galaxy allows to administrators.
_OTHERS = frozenset({"run_as", "_method", "user_id", "user_email", "user_details", "all", "f_email"})

# Sent on to Galaxy; a list of the useful ones, since any other might mean something to a server between (a remote
# user's name, a forwarded address) that the notebook must not be able to say.
PASSED_HEADERS = frozenset(
    [
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "content-length",
        "content-type",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
        "user-agent",
        "tus-resumable",
        "upload-checksum",
        "upload-concat",
        "upload-defer-length",
        "upload-length",
        "upload-metadata",
        "upload-offset",
    ]
)


@dataclass(frozen=True)
class Permit:
    """A request that may pass: `path` (percent-encoded, with its leading slash) and `query` without the token."""

    method: str
    path: str
    query: str

    @property
    def streams(self) -> bool:
        """Whether the body is a piece of an uploaded file, which passes unread."""
        return self.method == "PATCH"

    @property
    def is_user(self) -> bool:
        """Whether the answer describes the user."""
        return self.path == "/api/users/current"


def _compile(text: str) -> dict[str, re.Pattern[str]]:
    """Return one expression for each method."""
    paths: dict[str, list[str]] = {}
    for line in text.split("\n"):
        *methods, path = line.split() or [""]
        pattern = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
        for place, expression in _PLACES.items():
            pattern = pattern.replace(place, expression)
        for method in methods:
            paths.setdefault(method, []).append(f"/{pattern}")
            if method == "GET":
                paths.setdefault("HEAD", []).append(f"/{pattern}")
    return {method: re.compile("|".join(patterns)) for method, patterns in paths.items()}


_ALLOWED = _compile(ALLOWED)


def judge(method: str, target: str, headers: Mapping[str, str]) -> Permit:
    """Return what may be sent on for the request line `method target` with `headers`.

    Parameters
    ----------
    target
        As the client sent it, percent-encoded.

    Raises
    ------
    NotAllowed
        The request is not one that a notebook needs, or is written so that another one could be meant.
    """
    if not target.startswith("/"):
        raise _refused("the address must be a path", "Ask for /api/… of the address in GALAXY_URL.")
    path, _, query = target.partition("?")
    trick = _PATH_TRICK.search(path)
    if trick:
        raise _refused(
            f"the path contains {trick[0]!r}", "Write the address plainly; a name with such a sign has an id."
        )
    plain = unquote(path, errors="strict") if _is_utf8(path) else None
    if plain is None or any(part in {".", ".."} for part in plain.split("/")):
        raise _refused("the path leads elsewhere than it says", "Write the address plainly.")
    override = next((name for name in headers if name.lower() in _OVERRIDES), None)
    if override:
        raise _refused(f"the header {override}", "Send the request itself, as the user of this session.")
    pattern = _ALLOWED.get(method)
    if pattern is None or not pattern.fullmatch(plain) or _is_administration(plain):
        raise _refused(
            f"{method} {plain}",
            "A session's token serves histories, datasets, tools, jobs and workflows. Do the rest in Galaxy's page.",
        )
    return Permit(method, path, _judge_query(query))


def token_of(headers: Mapping[str, str], query: str) -> list[str]:
    """Return every token that a request carries: `x-api-key`, `Authorization: Bearer`, the parameter `key`."""
    scheme, _, bearer = headers.get("Authorization", "").partition(" ")
    given = [headers.get("x-api-key", ""), bearer.strip() if scheme.lower() == "bearer" else ""]
    given += [value for name, value, _ in _parameters(query) if name == "key"]
    return [token for token in given if token]


def _judge_query(query: str) -> str:
    kept = []
    for name, value, raw in _parameters(query):
        if name in _OTHERS or (name == "view" and value.startswith("admin")):
            raise _refused(f"the parameter {name}", "A session sees what belongs to its own user.")
        if name != "key":
            kept.append(raw)
    return "&".join(kept)


def _parameters(query: str) -> list[tuple[str, str, str]]:
    """Return (name, value, as written) of each parameter."""
    found = []
    for raw in query.split("&"):
        name, _, value = raw.partition("=")
        if raw:
            found.append((unquote_plus(name).strip(), unquote_plus(value), raw))
    return found


def _is_administration(plain: str) -> bool:
    return plain.startswith("/api/tools/") and plain.rsplit("/", 1)[1] in _NOT_A_TOOL


def _is_utf8(path: str) -> bool:
    try:
        unquote(path, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _refused(what: str, hint: str) -> NotAllowed:
    return NotAllowed(f"A notebook may not ask this of Galaxy: {what}.", hint, status=403)
