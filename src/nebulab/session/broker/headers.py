"""Headers of a request: which are sent on, what they may hold, and what type a body is of; runs in the session."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from multidict import MultiMapping

from nebulab.session.broker.refusals import refused

_OVERRIDES = frozenset({"x-http-method-override", "x-http-method", "x-method-override", "run-as", "x-run-as"})
# A list of the useful ones, since any other might mean something to a server between (a remote user's name, a forwarded
# address) that the notebook must not be able to say. Content-Type and Content-Length go with the body, which is written
# anew.
_PASSED = frozenset(
    [
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
        "user-agent",
    ]
)
_NUMBER = re.compile(r"[0-9]{1,18}")
_BASE64 = r"[A-Za-z0-9+/]*={0,2}"
# Of the tus protocol: creation, checksum and termination. `Upload-Concat` names other uploads, and is refused.
_TUS: Mapping[str, re.Pattern[str]] = {
    "tus-resumable": re.compile(r"[0-9]\.[0-9]\.[0-9]"),
    "upload-checksum": re.compile(rf"[a-z0-9]+ {_BASE64}"),
    "upload-defer-length": re.compile("1"),
    "upload-length": _NUMBER,
    # Empty, as tuspy sends it, or names with values.
    "upload-metadata": re.compile(rf"(?:[!-+\--~]+(?: {_BASE64})?(?:, ?[!-+\--~]+(?: {_BASE64})?)*)?"),
    "upload-offset": _NUMBER,
}
_NOT_TUS = frozenset({"upload-concat"})
_UTF8 = re.compile(r'charset="?utf-?8"?', re.IGNORECASE | re.ASCII)
_BOUNDARY = re.compile(
    r"""boundary=(?:"([0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-])"|([0-9A-Za-z'+_.-]{1,70}))"""
)


PIECE = "application/offset+octet-stream"


class Kind(Enum):
    """How a body is read."""

    JSON = auto()
    FORM = auto()
    MULTIPART = auto()
    PIECE = auto()
    """A piece of an uploaded file, which passes unread."""


@dataclass(frozen=True)
class ContentType:
    """What a body is; `boundary` is set for multipart forms alone."""

    kind: Kind
    boundary: str = ""

    @property
    def name(self) -> str:
        """The header's value in its one form, without a boundary."""
        return _NAMES[self.kind]


_NAMES: Mapping[Kind, str] = {
    Kind.JSON: "application/json",
    Kind.FORM: "application/x-www-form-urlencoded",
    Kind.MULTIPART: "multipart/form-data",
    Kind.PIECE: PIECE,
}
_KINDS: Mapping[str, Kind] = {name: kind for kind, name in _NAMES.items()}


def token_of(headers: Mapping[str, str]) -> list[str]:
    """Return the tokens in the headers `x-api-key` and `Authorization: Bearer`."""
    scheme, _, bearer = headers.get("Authorization", "").partition(" ")
    given = [headers.get("x-api-key", ""), bearer.strip() if scheme.lower() == "bearer" else ""]
    return [token for token in given if token]


def passed(headers: MultiMapping[str], *, tus: bool) -> dict[str, str]:
    """Return the headers that are sent on, each once; those of uploads only with `tus`.

    Raises
    ------
    NotAllowed
        A header means another request, or one of an upload is malformed.
    """
    found: dict[str, list[str]] = {}
    for name, value in headers.items():
        lower = name.lower()
        if lower in _OVERRIDES:
            raise refused(f"the header {name}", "Send the request itself, as the user of this session.")
        if tus and lower in _NOT_TUS:
            raise refused(f"the header {name} joins other uploads", "Send each file as one upload.")
        if lower in _PASSED or (tus and lower in _TUS):
            found.setdefault(lower, []).append(value)
    joined = {name: ", ".join(values) for name, values in found.items()}
    for name, value in joined.items():
        if name in _TUS and not _TUS[name].fullmatch(value):
            raise refused(f"the header {name} is malformed", "See https://tus.io/protocols/resumable-upload.")
    return joined


def content_type(headers: MultiMapping[str]) -> ContentType:
    """Return what the body is; without a header it is JSON, as Galaxy takes it.

    Raises
    ------
    NotAllowed
        The type is none of those that Galaxy's API takes, or is written so that two servers could read two types.
    """
    given = headers.getall("Content-Type", ["application/json"])
    if len(given) != 1:
        raise refused("the header Content-Type is there twice", "Send it once.")
    name, *parameters = (part.strip(" \t") for part in given[0].split(";"))
    kind = _KINDS.get(name.lower())
    if kind is None:
        raise refused(f"a body of the type {name!r}", f"Send one of {', '.join(_NAMES.values())}.")
    if kind is Kind.MULTIPART:
        boundary = _BOUNDARY.fullmatch(parameters[0]) if len(parameters) == 1 else None
        if boundary is None:
            raise refused("a multipart form needs one plain boundary", "Let your HTTP library write the form.")
        return ContentType(kind, boundary[1] or boundary[2])
    if len(parameters) > 1 or not all(_UTF8.fullmatch(part) and kind is not Kind.PIECE for part in parameters):
        raise refused(f"the content type {given[0]!r} has unusual parameters", f"Send {name.lower()}, in UTF-8.")
    return ContentType(kind)
