"""Relatives of a protein, aligned to it (A3M): from a MMseqs2 server, from a file of one's own, or none.

The server's protocol is that of ColabFold: a ticket is asked for, looked at until it is done, and its result fetched.
ColabFold's own client waits without end, reads what is no answer as one, and unpacks whatever comes; hence this one.
"""

from __future__ import annotations

import hashlib
import io
import random
import re
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from fold import FoldError
from fold.sequences import Query, checked

PUBLIC = "https://api.colabfold.com"
"""The public server of ColabFold's authors: it learns the sequence, and asks for few requests at once."""

AGENT = "nebulab/1.0 (examples/protein-structure)"
_FILES = ("uniref.a3m", "bfd.mgnify30.metaeuk30.smag30.a3m")
_MOST_BYTES = 500_000_000
_TRIES = 5
_TICKET = re.compile(r"[\w-]{1,200}={0,2}")
_WAITING = ("UNKNOWN", "PENDING", "RUNNING")
_OWN = 'Give an alignment of your own (alignment = "its name in the history"), or none (alignment = "single").'

Told = Callable[[str, float], None]
"""Called with the server's state and the seconds since the beginning."""


def single(query: Query) -> str:
    """Return an alignment of the protein with itself alone."""
    return f">{query.name}\n{query.sequence}\n"


def own(text: str, query: Query | None = None) -> tuple[Query, str]:
    """Check an A3M text, and return the protein of its first row with it.

    Raises
    ------
    FoldError
        It is no A3M, of several chains, or of another protein than `query`.
    """
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip()
    text = _without_header(text)
    if not text.startswith(">"):
        raise FoldError(
            "The alignment is no A3M: it does not begin with '>'.",
            "hhsuite's reformat.pl makes A3M of Stockholm and Clustal; Galaxy has it too.",
        )
    rows = _rows(text)
    first = Query(
        re.sub(r"[^\w.-]+", "_", (rows[0][0].split() or ["protein"])[0])[:60] or "protein",
        checked(rows[0][1], "The alignment's first row"),
    )
    query = query or first
    if first.sequence != query.sequence:
        raise FoldError(
            f"The alignment is of another protein: its first row ({len(first)} amino acids) is not {query.name} "
            f"({len(query)}).",
            "The first row must be the protein itself, without gaps.",
        )
    for name, row in rows:
        columns = sum(letter.isupper() or letter == "-" for letter in row)
        if columns != len(query) or not re.fullmatch(r"[A-Za-z.*-]*", row):
            raise FoldError(
                f"Row {name[:40]!r} of the alignment has {columns} columns, the protein has {len(query)}.",
                "In A3M small letters are insertions, '-' a gap; all else is one column each.",
            )
    return query, text + "\n"


def depth(a3m: str) -> int:
    """Return how many sequences are aligned, the protein itself among them."""
    return a3m.count("\n>") + a3m.startswith(">")


def kept(query: Query, folder: str | Path, server: Server, told: Told) -> str:
    """Ask the server, once for each protein: what it answered is kept in `folder`, and taken the next time."""
    name = hashlib.sha256(f"{server.host}\n{query.sequence}".encode()).hexdigest()[:12]
    path = Path(folder) / f"{query.name}-{name}.a3m"
    if not path.is_file():
        a3m = server.align(query, told)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(a3m)
        part.replace(path)
    return own(path.read_text(), query)[1]


@dataclass
class Server:
    """A MMseqs2 server that speaks as ColabFold's does.

    `patience` is how many seconds are waited for one protein in all; `pause` the first time between two looks, which
    grows to twelve times of it.
    """

    host: str = PUBLIC
    patience: float = 3600
    pause: float = 5
    timeout: float = 30
    _client: httpx.Client = field(init=False, repr=False)

    def align(self, query: Query, told: Told = lambda _state, _seconds: None) -> str:
        """Return the protein's relatives as A3M, the protein first.

        Raises
        ------
        FoldError
            The server can't be reached, refuses, is under maintenance, or sends no alignment; or the patience ended.
        """
        if not self.host.startswith(("https://", "http://")):
            raise FoldError(f"{self.host!r} is no address of a server.", "It begins with https://.")
        limits = httpx.Timeout(self.timeout)
        with httpx.Client(timeout=limits, headers={"User-Agent": AGENT}) as self._client:
            waiting = _Waiting(self.patience, self.pause, told)
            ticket = self._submit(query, waiting)
            waiting.slow_down(anew=True)
            while (state := self._state(ticket, waiting)) != "COMPLETE":
                if state == "UNKNOWN":  # the server forgot it, as after its restart
                    ticket = self._submit(query, waiting)
                waiting.wait(state)
            told("DOWNLOAD", waiting.seconds)
            return self._result(ticket, query, waiting)

    def _submit(self, query: Query, waiting: _Waiting) -> str:
        while True:
            form = {"q": f">101\n{query.sequence}\n", "mode": "env"}
            answer = self._json("POST", "ticket/msa", waiting, data=form)
            state = self._judged(answer)
            ticket = answer.get("id")
            if state != "RATELIMIT" and isinstance(ticket, str) and _TICKET.fullmatch(ticket):
                return ticket
            if state not in ("RATELIMIT", "UNKNOWN"):
                raise FoldError(f"{self.host} gave no ticket ({str(answer)[:80]}).", _OWN)
            waiting.wait(state)

    def _state(self, ticket: str, waiting: _Waiting) -> str:
        return self._judged(self._json("GET", f"ticket/{ticket}", waiting))

    def _judged(self, answer: dict[str, Any]) -> str:
        """Return the state that an answer tells, if one may go on with it."""
        state = str(answer.get("status"))
        if state == "ERROR":
            raise FoldError(f"{self.host} could not align the protein (it says ERROR).", f"Try again later. {_OWN}")
        if state == "MAINTENANCE":
            raise FoldError(f"{self.host} is under maintenance.", f"Try again in an hour. {_OWN}")
        if state not in (*_WAITING, "RATELIMIT", "COMPLETE"):
            raise FoldError(f"{self.host} answers with the unknown state {state[:40]!r}.", _OWN)
        return state

    def _json(self, method: str, path: str, waiting: _Waiting, **more: Any) -> dict[str, Any]:
        for left in range(_TRIES, -1, -1):
            with self._reached(left):
                answer = self._client.request(method, f"{self.host}/{path}", **more)
                if answer.status_code == 429:
                    return {"status": "RATELIMIT"}
                self._require(answer)
                try:
                    found = answer.json()
                except ValueError:
                    found = None
                if not isinstance(found, dict):
                    raise FoldError(
                        f"{self.host} sent something else than an answer ({answer.text[:60]!r}).",
                        f"Is there a log-in page between? {_OWN}",
                    )
                return found
            waiting.wait("no connection")
        raise AssertionError

    def _result(self, ticket: str, query: Query, waiting: _Waiting) -> str:
        for left in range(_TRIES, -1, -1):
            with self._reached(left):
                return self._unpacked(self._body(f"result/download/{ticket}"), query)
            waiting.wait("DOWNLOAD")
        raise AssertionError

    def _body(self, path: str) -> bytes:
        with self._client.stream("GET", f"{self.host}/{path}") as answer:
            self._require(answer)
            pieces, size = [], 0
            for piece in answer.iter_bytes():
                size += len(piece)
                if size > _MOST_BYTES:
                    raise FoldError(f"{self.host} sends more than {_MOST_BYTES:,} bytes for one protein.", _OWN)
                pieces.append(piece)
        return b"".join(pieces)

    def _unpacked(self, body: bytes, query: Query) -> str:
        """Return the alignments in the archive, one below the other; nothing is written to the disk."""
        found = {}
        try:
            with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
                for member in archive:
                    name = member.name.rpartition("/")[2]
                    file = archive.extractfile(member) if member.isfile() and name in _FILES else None
                    if file is not None and member.size <= _MOST_BYTES:
                        found[name] = file.read().decode()
        except (tarfile.TarError, OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
            raise FoldError(
                f"{self.host} sent no readable archive ({type(error).__name__}).", f"Try again. {_OWN}"
            ) from error
        if not found.get(_FILES[0]):
            raise FoldError(f"{self.host} sent an archive without {_FILES[0]}.", f"Try again. {_OWN}")
        text = "\n".join(found[name].replace("\0", "").strip() for name in _FILES if name in found)
        return own(text, query)[1]

    def _require(self, answer: httpx.Response) -> None:
        if answer.status_code >= 500:
            raise httpx.RemoteProtocolError(f"it answers {answer.status_code}")
        if answer.status_code != 200:
            raise FoldError(f"{self.host} answers {answer.status_code} {answer.reason_phrase}.", _OWN)

    @contextmanager
    def _reached(self, left: int) -> Iterator[None]:
        """Let a broken connection pass, so that it is tried again, `left` times."""
        try:
            yield
        except httpx.TransportError as error:
            if not left:
                raise FoldError(
                    f"{self.host} can't be reached ({type(error).__name__}: {error}).",
                    f"Is there a network here? {_OWN}",
                ) from error


class _Waiting:
    """The time between two requests, which grows, and its end."""

    def __init__(self, patience: float, pause: float, told: Told) -> None:
        self._patience, self._first, self._told = patience, pause, told
        self._pause = pause
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun

    def slow_down(self, *, anew: bool = False) -> None:
        self._pause = self._first if anew else min(self._pause * 1.5, self._first * 12)

    def wait(self, state: str) -> None:
        self._told(state, self.seconds)
        if self.seconds + self._pause > self._patience:
            raise FoldError(
                f"The server was not done after {self.seconds:.0f} s (the last it said: {state}).",
                f"Run it again later, or raise `patience`. {_OWN}",
            )
        # Nobody's looks shall fall together with those of others who were told to wait in the same moment.
        time.sleep(self._pause * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
        self.slow_down()


def _without_header(text: str) -> str:
    """Take ColabFold's first line (`#62\\t1`: lengths and numbers of chains) off."""
    if not text.startswith("#"):
        return text
    line, _, rest = text.partition("\n")
    lengths = re.fullmatch(r"#([\d,]+)\t([\d,]+)", line.strip())
    if lengths is None:
        raise FoldError("The alignment is no A3M.", "hhsuite's reformat.pl makes A3M of Stockholm and Clustal.")
    if lengths[2] != "1":
        raise FoldError("The alignment is of several chains; this example folds one.", "Give one chain's alignment.")
    return rest.strip()


def _rows(text: str) -> list[tuple[str, str]]:
    parts = (block.partition("\n") for block in re.split(r"^>", text, flags=re.MULTILINE)[1:])
    return [(name.strip(), re.sub(r"\s", "", letters)) for name, _, letters in parts]
