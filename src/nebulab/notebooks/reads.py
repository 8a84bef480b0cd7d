"""Which files and datasets a program reads, guessed from its text without running it; runs in a session.

A guess is shown to a person with the line that it comes from. What is written (`to_csv`, `open(…, "w")`) is no input,
and neither is an address. Names that are set once to a text, f-strings of them, `Path(…) / …` and `os.path.join` are
followed.
"""

from __future__ import annotations

import ast
import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from nebulab.notebooks.reading import Program

_READERS = re.compile(
    r"(open|File|load|loadtxt|genfromtxt|fromfile|memmap|imread|loadmat|open_dataset|read_text|read_bytes|read|parse"
    r"|fetch|dcmread|load_image|load_model|HDFStore|ExcelFile|Dataset|ZipFile|(read|scan)_\w+|load_\w+)"
)
_WRITERS = re.compile(
    r"(to_\w+|write\w*|save\w*|dump|imwrite|imsave|mkdir|makedirs|touch|savefig|export\w*|remove|unlink|rename|move|put"
    r"|checkpoint|rmtree)"
)
_MAKERS = re.compile(r"(to_\w+|write\w*|save\w*|dump|imwrite|imsave|savefig|export\w*)")
"""Those after which there is a file of this name."""
_WRITE_A_TEXT = frozenset({"write", "writelines", "write_text", "write_bytes"})
"""Those whose first argument is what is written, and no path."""
_CREATING = frozenset("wax")
_MODES = frozenset({"open", "File", "ZipFile", "HDFStore", "Dataset"})
_FOLDERS = re.compile(r"(glob|iglob|rglob|listdir|scandir|iterdir|walk|ImageFolder|image_dataset_from_directory)")
_OTHER_LANGUAGES = re.compile(r"""["']([^"'\n]{1,300})["']""")
_MAGIC = re.compile(r"^(\s*)[%!?].*$", re.MULTILINE)
_LIKE_A_FILE = re.compile(r"[^\s?*<>|:]*\w\.\w{1,8}(\.gz|\.bz2|\.xz|\.zip)?")
_MOST_FILES = 200
_LONGEST_LINE = 160


@dataclass(frozen=True)
class Place:
    """Where something was found: cell and line, both from 1, and the line's text."""

    cell: int
    line: int
    text: str


@dataclass
class Reads:
    """What a program seems to read: paths, keys of GALAXY_INPUTS and of `history`; each with where.

    `made` are files that it seems to write.
    """

    files: dict[str, list[Place]] = field(default_factory=dict)
    missing: dict[str, list[Place]] = field(default_factory=dict)
    outside: dict[str, list[Place]] = field(default_factory=dict)
    """Files beyond the program's folder, which a job does not have."""
    named: dict[str, list[Place]] = field(default_factory=dict)
    history: dict[str, list[Place]] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)


def find(program: Program, folder: Path) -> Reads:
    """Return what `program`, which lies in `folder`, seems to read."""
    search = _Search(folder)
    python = program.language.lower() in {"python", "ipython"}
    sources = [cell.source if cell.cell_type == "code" else "" for cell in program.notebook.cells]
    trees = [_tree(source) if python else None for source in sources]
    texts = _texts(tree for tree in trees if tree)
    for number, (source, tree) in enumerate(zip(sources, trees, strict=True), 1):
        lines = source.splitlines()
        if tree is not None:
            _Cell(search, number, lines, texts).visit(tree)
        elif not python:
            for index, line in enumerate(lines, 1):
                for match in _OTHER_LANGUAGES.finditer(line):
                    search.literal(match[1], Place(number, index, _short(line)))
    return search.reads()


def _tree(source: str) -> ast.Module | None:
    if source.lstrip().startswith("%%"):
        return None
    try:
        return ast.parse(_MAGIC.sub(r"\1pass", source))
    except (SyntaxError, ValueError, RecursionError):
        return None


def _texts(trees: Iterator[ast.Module]) -> dict[str, str]:
    """Return the names that are set to one text only, over all cells."""
    found: dict[str, str | None] = {}
    for tree in trees:
        for node in ast.walk(tree):
            targets = node.targets if isinstance(node, ast.Assign) else ()
            for target in targets:
                if isinstance(target, ast.Name):
                    text = _text(node.value, {k: v for k, v in found.items() if v is not None})  # type: ignore[attr-defined]
                    found[target.id] = text if target.id not in found else None
    return {name: text for name, text in found.items() if text is not None}


def _text(node: ast.AST | None, texts: Mapping[str, str]) -> str | None:
    """Return the text that an expression gives, None if it can't be told."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.Name(id=name):
            return texts.get(name)
        case ast.JoinedStr(values=values):
            return _joined([_text(part, texts) for part in values], "")
        case ast.FormattedValue(value=value, format_spec=None):
            return _text(value, texts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _joined([_text(left, texts), _text(right, texts)], "")
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _joined([_text(left, texts), _text(right, texts)], "/")
        case ast.Call(func=function, args=arguments) if _name(function) in {
            "Path",
            "PurePath",
            "join",
            "str",
            "fspath",
        }:
            return _joined([_text(each, texts) for each in arguments], "/")
    return None


def _joined(parts: Sequence[str | None], between: str) -> str | None:
    return between.join(part.rstrip("/") if between else part for part in parts if part) if all(parts) else None


def _name(function: ast.AST) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _short(line: str) -> str:
    line = line.strip()
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} …"


class _Search:
    """Collects texts that may be paths, and tells in the end what they are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, list[Place]] = {}
        self._mentioned: dict[str, list[Place]] = {}
        self._written: set[str] = set()
        self._given = Reads()

    def reading(self, text: str, place: Place) -> None:
        _add(self._read, text, place)

    def writing(self, text: str, *, makes: bool) -> None:
        path = os.path.normpath(text)
        self._written.add(path)
        inside = not path.startswith(("/", "..", "~"))
        if makes and inside and _LIKE_A_FILE.fullmatch(path) and path not in self._given.made:
            self._given.made.append(path)

    def literal(self, text: str, place: Place) -> None:
        _add(self._mentioned, text, place)

    def input(self, name: str, place: Place) -> None:
        _add(self._given.named, name, place)

    def dataset(self, name: str, place: Place) -> None:
        _add(self._given.history, name, place)

    def reads(self) -> Reads:
        reads = self._given
        for known, surely in ((self._read, True), (self._mentioned, False)):
            for text, places in known.items():
                self._sort_in(text, places, reads, surely=surely)
        reads.missing = {path: places for path, places in reads.missing.items() if not self._is_written(path)}
        return reads

    def _sort_in(self, text: str, places: list[Place], reads: Reads, *, surely: bool) -> None:
        if not text or "://" in text or "\0" in text or len(text) > os.pathconf("/", "PC_PATH_MAX"):
            return
        path = os.path.normpath(text)
        if path in self._written and not surely:
            return
        if path.startswith(("/", "..", "~")):
            if (self._folder / Path(text).expanduser()).is_file():
                _extend(reads.outside, text, places)
            return
        files = self._files(path, folders=surely)
        for file in files:
            if file not in self._written:
                _extend(reads.files, file, places)
        if not files and surely and _LIKE_A_FILE.fullmatch(path):
            _extend(reads.missing, path, places)

    def _files(self, path: str, *, folders: bool) -> list[str]:
        whole = self._folder / path
        try:
            if whole.is_file():
                return [path]
            if not folders or path == ".":
                return []
            if any(sign in path for sign in "*["):
                below: Iterator[Path] = self._folder.glob(path)
            elif whole.is_dir():
                below = whole.rglob("*")
            else:
                return []
            files = itertools.islice((each for each in below if each.is_file()), _MOST_FILES)
            return sorted(str(PurePosixPath(each.relative_to(self._folder))) for each in files)
        except (OSError, ValueError, NotImplementedError):
            return []

    def _is_written(self, path: str) -> bool:
        return any(path == written or path.startswith(f"{written}/") for written in self._written)


def _add(known: dict[str, list[Place]], key: str, place: Place) -> None:
    _extend(known, key, [place])


def _extend(known: dict[str, list[Place]], key: str, places: list[Place]) -> None:
    have = known.setdefault(key, [])
    have += [place for place in places if place not in have]


class _Cell(ast.NodeVisitor):
    """Tells a search what one cell's tree reads, writes and mentions."""

    def __init__(self, search: _Search, number: int, lines: Sequence[str], texts: Mapping[str, str]) -> None:
        self._search = search
        self._number = number
        self._lines = lines
        self._texts = texts

    def _place(self, node: Any) -> Place:
        line = self._lines[node.lineno - 1] if node.lineno <= len(self._lines) else ""
        return Place(self._number, node.lineno, _short(line))

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._search.literal(node.value, self._place(node))

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._key(_name(node.value), node.slice, node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = _name(node.func)
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        first = node.args[0] if node.args else None
        if name == "get" and owner is not None:
            self._key(_name(owner), first, node)
        elif name == "get" and (key := _key_of(first)):
            self._search.dataset(key, self._place(node))
        # `Path("x").read_text()`: the path is what the method belongs to.
        texts = [text for text in (_text(first, self._texts), _text(owner, self._texts)) if text]
        # Where only one of several arguments is a path, as in `savefig(figure, path)`.
        others = [text for each in node.args[1:2] if (text := _text(each, self._texts))]
        if _FOLDERS.fullmatch(name):
            self._folder(node, owner, first)
        elif (creates := _creates(name, node, self._texts)) or _WRITERS.fullmatch(name):
            makes = creates or _MAKERS.fullmatch(name) is not None
            content = _text(first, self._texts) if name in _WRITE_A_TEXT else None
            for text in texts + others:
                self._search.writing(text, makes=makes and text != content)
        elif _READERS.fullmatch(name):
            for text in texts:
                self._search.reading(text, self._place(node))
        self.generic_visit(node)

    def _folder(self, node: ast.Call, owner: ast.AST | None, first: ast.AST | None) -> None:
        above, below = _text(owner, self._texts), _text(first, self._texts)
        if above and below:
            recursive = "**/" if _name(node.func) == "rglob" else ""
            self._search.reading(f"{above}/{recursive}{below}", self._place(node))
        elif above or below:
            self._search.reading(above or below or "", self._place(node))

    def _key(self, owner: str, key: ast.AST | None, node: ast.AST) -> None:
        text = _key_of(key)
        if text and owner == "GALAXY_INPUTS":
            self._search.input(text, self._place(node))
        elif text and owner == "history":
            self._search.dataset(text, self._place(node))


def _key_of(node: ast.AST | None) -> str:
    return str(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, str | int) else ""


def _creates(name: str, call: ast.Call, texts: Mapping[str, str]) -> bool:
    """Whether a call opens a file to write it anew, told by its mode."""
    if name not in _MODES:
        return False
    given = [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    # `Path(…).open("w")` has its mode first.
    places = call.args[:1] if isinstance(call.func, ast.Attribute) and name == "open" else call.args[1:2]
    modes = [text for each in (*given, *places) if (text := _text(each, texts))]
    return any(len(mode) <= 3 and _CREATING & set(mode) for mode in modes)


__all__ = ["Place", "Reads", "find"]
