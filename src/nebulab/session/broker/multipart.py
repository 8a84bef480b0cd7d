"""A multipart form on its way through the broker: fields are checked, files stream; runs in the session.

The form is read part by part and written anew with a boundary of our own, so that what was checked is what arrives:
two parsers may differ about where a part begins, but not about parts which one of them wrote.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator

from aiohttp import BodyPartReader, hdrs, web

from nebulab.errors import NotAllowed
from nebulab.session.broker import payloads

_CHUNK = 256 * 1024
_FILE = re.compile(r"(?:.*\|)?file_data|archive_file|files?(?:_\d+)?")
_UNSAFE = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


class CheckedForm:
    """The checked body of `request`, piece by piece.

    `refusal` tells afterwards why the form was broken off, if it was.
    """

    def __init__(self, request: web.Request) -> None:
        self.refusal: NotAllowed | None = None
        self._request = request
        self._boundary = secrets.token_hex(16)

    @property
    def content_type(self) -> str:
        """The header that goes with this body."""
        return f"multipart/form-data; boundary={self._boundary}"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._parts():
                yield piece
        except NotAllowed as refusal:
            self.refusal = refusal
            raise ConnectionError("the form was refused") from refusal
        except ValueError as error:
            self.refusal = NotAllowed("The multipart form can't be read.", "Send a well-formed one.", status=403)
            raise ConnectionError("the form can't be read") from error

    async def _parts(self) -> AsyncIterator[bytes]:
        left = payloads.LONGEST_BODY
        async for part in await self._request.multipart():
            if not isinstance(part, BodyPartReader) or not part.name:
                raise NotAllowed("The form has a part without a name.", "Send plain fields and files.", status=403)
            yield self._head(part)
            if not part.filename:
                field = await _whole(part, left)
                left -= len(field)
                payloads.judge_field(part.name, field)
                yield field
            elif not _FILE.fullmatch(part.name):
                raise NotAllowed(f"{part.name} is no place for a file.", "Name it files_0|file_data.", status=403)
            else:
                while chunk := await part.read_chunk(_CHUNK):
                    yield chunk
            yield b"\r\n"
        yield f"--{self._boundary}--\r\n".encode()

    def _head(self, part: BodyPartReader) -> bytes:
        named = f'name="{(part.name or "").translate(_UNSAFE)}"'
        if part.filename:
            kind = part.headers.get(hdrs.CONTENT_TYPE, "application/octet-stream").translate(_UNSAFE)
            named += f'; filename="{part.filename.translate(_UNSAFE)}"\r\nContent-Type: {kind}'
        return f"--{self._boundary}\r\nContent-Disposition: form-data; {named}\r\n\r\n".encode()


async def _whole(part: BodyPartReader, limit: int) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk(_CHUNK):
        content += chunk
        if len(content) > limit:
            raise NotAllowed("The form's fields are too large.", "Send the content as a file.", status=403)
    return bytes(content)
