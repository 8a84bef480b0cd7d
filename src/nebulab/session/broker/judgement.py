"""The broker's judgement: from a request as a notebook sent it to the one that is sent on; runs in the session.

A request passes only as what was understood of it (design, decision 15): path, query, headers and body are read,
judged as a whole, and written anew. Nothing else reaches Galaxy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from multidict import CIMultiDict, CIMultiDictProxy

from nebulab.errors import NotAllowed
from nebulab.session.broker import address, allowed, headers, payloads
from nebulab.session.broker.headers import ContentType, Kind
from nebulab.session.broker.multipart import FormRewriter
from nebulab.session.broker.refusals import TOO_LARGE, refused

_UPLOADS = "/api/upload/resumable_upload"
_READ_ONLY = frozenset({"GET", "HEAD", "OPTIONS"})
# The two of a list of filters, which belong together by their order.
_REPEATED = frozenset({"q", "qv"})


@dataclass(frozen=True)
class Streamed:
    """A body that is not read yet, with its length in bytes if it was announced."""

    length: int | None


@dataclass(frozen=True)
class Piece:
    """A piece of an uploaded file: its bytes go on as they come."""

    length: int | None


@dataclass(frozen=True)
class Asked:
    """A request as it came.

    Attributes
    ----------
    target
        Of the request line: path and query, percent-encoded.
    body
        None without one, bytes where it was read as a whole.
    """

    method: str
    target: str
    headers: CIMultiDict[str] | CIMultiDictProxy[str] = field(default_factory=CIMultiDict)
    body: bytes | Streamed | None = None


@dataclass(frozen=True)
class Allowed:
    """A request that is sent on, in the one form it has.

    Attributes
    ----------
    path
        Percent-encoded, with its leading slash.
    query
        Without the token, and without its question mark.
    headers
        Without the user's key, and without Content-Length.
    body
        Bytes, or what makes them out of those that come.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes | FormRewriter | Piece | None

    @property
    def target(self) -> str:
        """Path and query as they are sent."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def is_user(self) -> bool:
        """Whether the answer describes the user."""
        return self.path == "/api/users/current"


def judge(asked: Asked) -> Allowed:
    """Return what is sent on for a request.

    Raises
    ------
    NotAllowed
        The request is not one that a notebook needs, or could be read in two ways.
    """
    raw_path, _, raw_query = asked.target.partition("?")
    path = address.read_path(raw_path)
    query = [one for one in address.read_query(raw_query) if one[0] != "key"]
    kept = headers.passed(asked.headers, tus=path.startswith(_UPLOADS))
    route = allowed.find(asked.method, path)
    if route is None:
        raise refused(
            f"{asked.method} {path} ({allowed.reason(path)})",
            "A session's token serves histories, datasets, tools, jobs and workflows. Do the rest in Galaxy's page.",
        )
    if asked.method in _READ_ONLY:
        payloads.judge_query(query)
        if asked.body is not None:
            raise refused(f"a {asked.method} request with a body", "Send parameters in the address.")
        return Allowed(asked.method, address.write_path(path), address.write_query(query), kept, None)
    _judge_names(query, route, path)
    body, kind = _judge_body(asked, path)
    if kind:
        kept["content-type"] = kind
    return Allowed(asked.method, address.write_path(path), address.write_query(query), kept, body)


def _judge_names(query: address.Parameters, route: allowed.Route, path: str) -> None:
    """Judge the query of a request that changes something as the form for which Galaxy's older routes take it."""
    for name, _ in query:
        if name not in route.names:
            known = ", ".join(sorted(route.names)) or "none"
            raise refused(
                f"the parameter {name} in the address of a request that changes something",
                f"Send it in the body as JSON. Parameters that are known here: {known}.",
            )
    payloads.judge_fields(query, path, repeated=_REPEATED)


def _judge_body(asked: Asked, path: str) -> tuple[bytes | FormRewriter | Piece | None, str]:
    """Return the body that is sent on, with its content type."""
    if asked.body is None or asked.body == b"":
        # An empty file's only piece is empty, and has a type all the same.
        return None, headers.PIECE if path.startswith(_UPLOADS) and asked.method == "PATCH" else ""
    if "Content-Encoding" in asked.headers:
        raise refused("a body that is compressed", "Send it as it is.")
    kind = headers.content_type(asked.headers)
    if (kind.kind is Kind.PIECE) is not path.startswith(_UPLOADS):
        raise refused(f"a body of the type {kind.name} here", "Pieces of files go to the resumable upload alone.")
    if kind.kind is Kind.PIECE:
        length = len(asked.body) if isinstance(asked.body, bytes) else asked.body.length
        return asked.body if isinstance(asked.body, bytes) else Piece(length), kind.name
    if kind.kind is Kind.MULTIPART:
        return _judge_multipart(asked.body, kind, path)
    if isinstance(asked.body, Streamed):
        raise NotAllowed("The request is too large to be checked.", "Upload the content as a file: put(…).", TOO_LARGE)
    rewritten = payloads.rewritten_form if kind.kind is Kind.FORM else payloads.rewritten_json
    return rewritten(asked.body, path), kind.name


def _judge_multipart(body: bytes | Streamed, kind: ContentType, path: str) -> tuple[bytes | FormRewriter, str]:
    form = FormRewriter(
        kind.boundary,
        partial(payloads.judge_field, path=path),
        partial(payloads.judge_file, path=path),
        body.length if isinstance(body, Streamed) else None,
    )
    if isinstance(body, Streamed):
        return form, form.content_type
    return form.feed(body) + form.close(), form.content_type
