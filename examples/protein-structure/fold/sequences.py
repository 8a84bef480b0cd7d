"""Protein sequences, typed or from a FASTA file: read, checked, and named so that each name can be a file's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fold import FoldError

LETTERS = frozenset("ACDEFGHIKLMNPQRSTVWYX")
"""The twenty amino acids, and X for one that is not known."""

SHORTEST = 10
MOST = 1000
"""Sequences of one file."""

_LARGEST_BYTES = 10_000_000
_LONGEST_NAME = 60
_NUCLEOTIDES = frozenset("ACGTUN")
_NUCLEOTIDE_LENGTH = 15
_OTHER_FORMATS = {
    "LOCUS ": "a GenBank file",
    "ID   ": "a UniProt or EMBL file",
    "HEADER ": "a PDB file",
    "data_": "an mmCIF file",
    "CLUSTAL": "a Clustal alignment",
    "# STOCKHOLM": "a Stockholm alignment",
    "@": "a FASTQ file",
}


@dataclass(frozen=True)
class Query:
    """A protein of one chain: a name that can be a file's, and its amino acids in capital letters."""

    name: str
    sequence: str

    def __len__(self) -> int:
        return len(self.sequence)


def of(name: str, history: Any) -> str:
    """Return the path of a file that lies here, or of the newest dataset of that name in the history.

    Raises
    ------
    FoldError
        There is neither.
    """
    if Path(name).is_file():
        return name
    if name in history:
        return str(history[name].path)
    raise FoldError(f"There is no {name!r}, neither here nor in the history.", "Upload it, or look at its name again.")


def load(path: str | Path) -> list[Query]:
    """Read a FASTA file; see `read`.

    Raises
    ------
    FoldError
        It is not there, no text, or no FASTA file of proteins.
    """
    file = Path(path)
    if not file.is_file():
        raise FoldError(f"There is no file {str(path)!r}.", "Upload it, or take history['its name'].path.")
    if file.stat().st_size > _LARGEST_BYTES:
        raise FoldError(
            f"{file.name} has {file.stat().st_size:,} bytes; no list of proteins for this example has more "
            f"than {_LARGEST_BYTES:,}.",
            "Give a file with the sequences that you want to fold.",
        )
    content = file.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        raise FoldError(f"{file.name} is compressed.", "Unpack it first: in Galaxy's history, or with gunzip.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FoldError(f"{file.name} is no text in UTF-8.", "A FASTA file is plain text; save it as such.") from error
    return read(text, file.name)


def read(text: str, origin: str = "The text") -> list[Query]:
    """Return the proteins of a FASTA text, or the one whose letters it holds.

    Small letters, spaces, line ends of any system and a stop (`*`) at the end are accepted. A name that comes twice
    gets a number.

    Raises
    ------
    FoldError
        It is empty, of another format, or holds something that is no protein of one chain.
    """
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").strip()
    _require_format(text, origin)
    records = _records(text, origin)
    if len(records) > MOST:
        raise FoldError(f"{origin} has {len(records):,} sequences; {MOST:,} are the most.", "Split the file.")
    queries: list[Query] = []
    used: set[str] = set()
    for title, letters in records:
        name = _unused(_file_name(title), used)
        used.add(name.lower())
        queries.append(Query(name, checked(letters, title or origin)))
    return queries


def checked(letters: str, name: str) -> str:
    """Return a sequence in capital letters without spaces.

    Raises
    ------
    FoldError
        It is empty or too short, has several chains, or letters of something else.
    """
    sequence = re.sub(r"\s", "", letters).upper().removesuffix("*")
    if not sequence:
        raise FoldError(f"{name} has no sequence.", "Is a line missing below its name?")
    if ":" in sequence:
        raise FoldError(
            f"{name} has {sequence.count(':') + 1} chains (':'); this example folds one at a time.",
            "Give each chain by itself. Complexes need other weights: colabfold_batch in a terminal takes them.",
        )
    if set(sequence) <= _NUCLEOTIDES and len(sequence) >= _NUCLEOTIDE_LENGTH and len(set(sequence)) > 2:
        raise FoldError(
            f"{name} looks like DNA or RNA: it has the letters {', '.join(sorted(set(sequence)))} only.",
            "Translate it first: str(Bio.Seq.Seq(…).translate(to_stop=True)).",
        )
    if {"-", "."} & set(sequence):
        raise FoldError(
            f"{name} has gaps: it is a row of an alignment.", "Give the alignment as A3M, or take them out."
        )
    wrong = next((place for place, letter in enumerate(sequence, 1) if letter not in LETTERS), None)
    if wrong is not None:
        raise FoldError(
            f"{name} has {sequence[wrong - 1]!r} at place {wrong}, which is none of the twenty amino acids.",
            "Write X for one that is not known, or the one that is meant (M for selenomethionine, C for U).",
        )
    if len(sequence) < SHORTEST:
        raise FoldError(f"{name} has {len(sequence)} amino acids; {SHORTEST} are the least.", "Is it whole?")
    return sequence


def _require_format(text: str, origin: str) -> None:
    if not text:
        raise FoldError(f"{origin} is empty.", "Give amino acids as letters, or a FASTA file.")
    if "\0" in text:
        raise FoldError(f"{origin} is no text.", "A FASTA file is plain text.")
    if text.startswith("<"):
        raise FoldError(
            f"{origin} is a web page or XML, not a sequence.", "Download the FASTA file itself, not the page about it."
        )
    for start, kind in _OTHER_FORMATS.items():
        if text.startswith(start):
            raise FoldError(f"{origin} is {kind}, not FASTA.", "Convert it first: Bio.SeqIO reads most formats.")


def _records(text: str, origin: str) -> list[tuple[str, str]]:
    if not text.startswith((">", ";")):
        if re.search(r"^>", text, re.MULTILINE):
            raise FoldError(f"{origin} has something before its first '>'.", "A FASTA file begins with '>' and a name.")
        return [("", text)]
    lines = [line for line in text.split("\n") if not line.startswith(";")]
    records: list[tuple[str, str]] = []
    for block in re.split(r"^>", "\n".join(lines), flags=re.MULTILINE)[1:]:
        title, _, letters = block.partition("\n")
        records.append((title.strip() or "a sequence without a name", letters))
    if not records:
        raise FoldError(f"{origin} has no sequence.", "A FASTA file has '>' and a name, and the letters below.")
    return records


def _file_name(title: str) -> str:
    word = (title.split() or ["protein"])[0]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", word)[:_LONGEST_NAME].strip("._-") or "protein"


def _unused(name: str, used: set[str]) -> str:
    """Return the name, with a number if it is taken; capital and small letters are the same on some disks."""
    number, free = 2, name
    while free.lower() in used:
        free = f"{name}_{number}"
        number += 1
    return free
