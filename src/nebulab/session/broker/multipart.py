"""A multipart form on its way through the broker: fields are judged, files stream; runs in the session.

The form is read part by part, strictly, and written anew with a boundary of our own: two parsers may differ about where
a part begins, but not about parts which one of them wrote.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import unquote_to_bytes

from nebulab.errors import NotAllowed
from nebulab.session.broker.refusals import TOO_LARGE, refused

SLACK = 64 * 1024
"""Bytes by which a form of a known length may grow as it is written anew."""

_LONGEST_HEAD = 16 * 1024
_LONGEST_FIELDS = 4 * 1024 * 1024
_MOST_PARTS = 1000
_NAME = re.compile(r'[^"\\%;\x00-\x1f\x7f-\U0010ffff]{1,200}')
_PARAMETER = re.compile(r';[ \t]*(\w+\*?)=(?:"((?:[^"\\]|\\.)*)"|([^\s";\\]*))[ \t]*', re.ASCII)
# A backslash would escape what follows for some parsers and stand for itself for others.
_UNSAFE = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A", "\\": "_", "\0": "_"})
_PLAIN_ENCODINGS = frozenset({"7bit", "8bit", "binary"})


class _State(Enum):
    START = auto()
    HEAD = auto()
    BODY = auto()
    DELIMITER = auto()
    END = auto()


@dataclass(frozen=True)
class _Part:
    name: str
    filename: str


class FormRewriter:
    """Reads a form piece by piece, and returns the pieces of the one that is sent on.

    Parameters
    ----------
    boundary
        The given form's.
    judge_field, judge_file
        Called with a field's name and text before it is returned, and with the name of a file before it begins; they
        raise NotAllowed.
    length
        Of the form in bytes, if it was announced. What is returned has then `self.length` bytes in all.
    """

    def __init__(
        self,
        boundary: str,
        judge_field: Callable[[str, str], None],
        judge_file: Callable[[str], None],
        length: int | None = None,
    ) -> None:
        self.length = None if length is None else length + SLACK
        self._given = f"--{boundary}".encode()
        self._own = secrets.token_hex(16)
        self._judge_field = judge_field
        self._judge_file = judge_file
        self._state = _State.START
        self._buffer = bytearray()
        self._out = bytearray()
        self._written = 0
        self._part = _Part("", "")
        self._names: set[str] = set()
        self._parts = 0
        self._field = bytearray()
        self._left = _LONGEST_FIELDS

    @property
    def content_type(self) -> str:
        """The header that goes with what is returned."""
        return f"multipart/form-data; boundary={self._own}"

    def feed(self, piece: bytes) -> bytes:
        """Take a piece of the form.

        Raises
        ------
        NotAllowed
            A part asks for more than this user's data, or the form can't be read with certainty.
        """
        self._buffer += piece
        steps = {
            _State.START: self._start,
            _State.HEAD: self._head,
            _State.BODY: self._body,
            _State.DELIMITER: self._delimiter,
            _State.END: self._end,
        }
        while steps[self._state]():
            pass
        return self._taken()

    def close(self) -> bytes:
        """Return the end of the form, with what fills it up to the announced length."""
        if self._state is not _State.END:
            raise _unreadable("it ends in the middle")
        self._out += f"--{self._own}--\r\n".encode()
        if self.length is not None:
            left = self.length - self._written - len(self._out)
            if left < 0:
                raise NotAllowed("The form has too many parts.", "Send several forms.", TOO_LARGE)
            # An epilogue, which parsers ignore (RFC 2046, section 5.1.1).
            self._out += b"\r\n" * (left // 2) + b"\n" * (left % 2)
        return self._taken()

    def _taken(self) -> bytes:
        taken, self._out = bytes(self._out), bytearray()
        self._written += len(taken)
        return taken

    def _start(self) -> bool:
        if self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]
        if len(self._buffer) < len(self._given):
            return False
        if not self._buffer.startswith(self._given):
            raise _unreadable("it does not begin with its boundary")
        del self._buffer[: len(self._given)]
        self._state = _State.DELIMITER
        return True

    def _delimiter(self) -> bool:
        if len(self._buffer) < 2:
            return False
        after = bytes(self._buffer[:2])
        del self._buffer[:2]
        if after not in {b"\r\n", b"--"}:
            raise _unreadable("its boundary is part of its content")
        self._state = _State.HEAD if after == b"\r\n" else _State.END
        return True

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                raise _unreadable("a part has a head that is too long")
            return False
        self._part = _read_head(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise NotAllowed("The form has too many parts.", "Send several forms.", TOO_LARGE)
        if self._part.name in self._names and self._part.name != "files":
            raise NotAllowed(f"The form has the name {self._part.name!r} twice.", "Send each name once.", status=403)
        self._names.add(self._part.name)
        if self._part.filename:
            self._judge_file(self._part.name)
            self._open(f'; filename="{self._part.filename}"\r\nContent-Type: application/octet-stream')
        self._state = _State.BODY
        return True

    def _body(self) -> bool:
        delimiter = b"\r\n" + self._given
        end = self._buffer.find(delimiter)
        taken = end if end >= 0 else max(0, len(self._buffer) - len(delimiter) + 1)
        if self._part.filename:
            self._out += self._buffer[:taken]
        else:
            self._field += self._buffer[:taken]
            self._left -= taken
            if self._left < 0:
                raise NotAllowed("The form's fields are too large.", "Send the content as a file.", TOO_LARGE)
        del self._buffer[:taken]
        if end < 0:
            return False
        del self._buffer[: len(delimiter)]
        self._close_part()
        self._state = _State.DELIMITER
        return True

    def _close_part(self) -> None:
        if self._part.filename:
            self._out += b"\r\n"
            return
        content, self._field = bytes(self._field), bytearray()
        # A client's token, which some send as a field too.
        if self._part.name == "key":
            return
        try:
            text = content.decode()
        except UnicodeDecodeError:
            raise refused(f"the field {self._part.name} is not UTF-8", "Send it as a file.") from None
        self._judge_field(self._part.name, text)
        self._open("")
        self._out += content + b"\r\n"

    def _open(self, more: str) -> None:
        head = f'--{self._own}\r\nContent-Disposition: form-data; name="{self._part.name}"{more}\r\n\r\n'
        self._out += head.encode()

    def _end(self) -> bool:
        # An epilogue, which means nothing.
        self._buffer.clear()
        return False


def _read_head(head: bytes) -> _Part:
    try:
        lines = head.decode().split("\r\n")
    except UnicodeDecodeError:
        raise _unreadable("the head of a part is not UTF-8") from None
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        lower = name.lower()
        if not colon or not re.fullmatch(r"[A-Za-z-]+", name) or lower in found or re.search(r"[\r\n\0]", value):
            raise _unreadable("a part has a strange head")
        found[lower] = value.strip(" \t")
    if found.get("content-transfer-encoding", "binary").lower() not in _PLAIN_ENCODINGS:
        raise _unreadable("a part is encoded")
    return _read_disposition(found.get("content-disposition", ""))


def _read_disposition(text: str) -> _Part:
    kind = re.match(r"form-data[ \t]*(?=;)", text, re.IGNORECASE | re.ASCII)
    if kind is None:
        raise _unreadable("a part is no form-data with a name")
    found: dict[str, str] = {}
    position = kind.end()
    while position < len(text):
        parameter = _PARAMETER.match(text, position)
        if parameter is None or parameter[1].lower() in found:
            raise _unreadable("a part has a strange head")
        position = parameter.end()
        plain = parameter[3] if parameter[2] is None else re.sub(r'\\(["\\])', r"\1", parameter[2])
        found[parameter[1].lower()] = _extended(plain) if parameter[1].endswith("*") else plain
    name = found.get("name", "")
    if not _NAME.fullmatch(name) or name == "_charset_" or not set(found) <= {"name", "filename", "filename*"}:
        raise _unreadable(f"the name {name[:60]!r} of a part is unusual")
    return _Part(name, found.get("filename*", found.get("filename", "")).translate(_UNSAFE))


def _extended(text: str) -> str:
    """Return a value in the form of RFC 5987, `utf-8''…`."""
    charset, _, rest = text.partition("'")
    _, _, encoded = rest.partition("'")
    try:
        if charset.lower() != "utf-8":
            raise ValueError
        return unquote_to_bytes(encoded).decode()
    except ValueError:
        raise _unreadable("a part's file name is not UTF-8") from None


def _unreadable(why: str) -> NotAllowed:
    return NotAllowed(f"The multipart form can't be read: {why}.", "Let your HTTP library write the form.", status=403)
