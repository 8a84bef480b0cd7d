"""The harvest of a notebook's globals: arrays, tables, figures, models; runs in the kernel.

Every global gets an entry in `harvest.json`, with what became of it; nothing is dropped silently. No object is trusted:
kinds are told by classes, not by asking the object, and each object has a time of its own to be written in. The harvest
as a whole has one too, and a stop (SIGINT) ends it at once: what is written by then is kept.
"""

from __future__ import annotations

import contextlib
import json
import sys
import types
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py

from nebulab.contract import HARVEST_REPORT
from nebulab.files import replacing
from nebulab.harvest import figures, tables
from nebulab.harvest.codecs import NotStorable, describe, encode, safe_name
from nebulab.harvest.limits import Clock, Limits, Stopped, TooLarge, TooSlow

ARRAYS = "arrays.h5"
_SMALL_TABLE_BYTES = 256 * 1024 * 1024
_CODE = (
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    type,
    types.GenericAlias,
    types.CodeType,
)


@dataclass
class Entry:
    """One global in the report: its class, and its fate."""

    name: str
    type: str
    fate: str = "not reached"
    """`array`, `table`, `model`, `native model`, `figure`, `code`, `not kept` or `not reached`."""
    files: list[str] = field(default_factory=list)
    shape: list[int] | None = None
    dtype: str | None = None
    reason: str = ""


KeepModel = Callable[..., Any]
"""`models.keep`."""


class Harvest:
    """One harvest of `namespace` into `folder`, in two steps: first the data, then the models."""

    def __init__(
        self, namespace: Mapping[str, Any], folder: Path, limits: Limits, *, before: Mapping[str, int] | None = None
    ) -> None:
        self._folder = folder
        self._limits = limits
        self.clock = Clock(limits.total_seconds)
        known = before or {}
        # A copy: a thread of the notebook may go on adding names.
        values = {
            name: value
            for name, value in dict(namespace).items()
            if type(name) is str and not name.startswith("_") and known.get(name) != id(value)
        }
        sizes = {name: size_of(value) for name, value in values.items()}
        # Small things come first, so that little time keeps much.
        self._order = sorted(values, key=sizes.__getitem__)[: limits.objects]
        kept = values if len(self._order) == len(values) else {name: values[name] for name in self._order}
        self._values = kept
        self._left_out = len(values) - len(kept)
        self.entries = {name: Entry(name, describe(type(value))) for name, value in kept.items()}
        self._bytes = 0
        self._shown: figures.Shown | None = None
        self._ended: set[str] = set()
        """Models whose export was ended by a limit."""

    def data(self) -> None:
        """Write all but the models."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.report()
        with (
            replacing(self._folder / ARRAYS, f".{ARRAYS}.part") as part,
            h5py.File(part, "w", libver="latest", track_order=True) as file,
        ):
            nodes: dict[int, str] = {}
            with contextlib.suppress(Stopped):
                for name in self._order:
                    self._keep(file, name, self._values[name], nodes)
            file.attrs["nebulab"] = "globals of a notebook; nebulab.load reads them back"
        self.report()

    def figures(self, shown: figures.Shown) -> None:
        """Write the figures that stay open; a fault of one is that one's alone."""
        self._shown = shown
        with contextlib.suppress(Stopped):
            for figure in shown.open_figures():
                try:
                    with self.clock.within(self._limits.object_seconds):
                        shown.keep(figure, {})
                except Stopped:
                    raise
                except BaseException as error:  # noqa: BLE001 - drawing runs the user's code
                    print(f"nebulab: a figure could not be kept: {type(error).__name__}{_text_of(error)}")

    def models(self, keep: KeepModel, is_model: Callable[[Any], bool]) -> None:
        """Export and prove the models among the globals, one after another."""
        with contextlib.suppress(Stopped):
            for name, entry in self.entries.items():
                value = self._values[name]
                if entry.fate != "not reached":
                    continue
                if not is_model(value):
                    self._refuse(name, entry.reason or f"there is no loss-free form for {entry.type}")
                    continue
                with self._faults_reported(name, 3 * self._limits.object_seconds, self._limits.model_memory_share):
                    self._note(entry, keep(name, value, self._folder, self._values))
                if name in self._ended:
                    with self._faults_reported(name, self._limits.object_seconds):
                        self._note(entry, keep(name, value, self._folder, self._values, ended=entry.reason))
                self.report()
        self.report()

    def _note(self, entry: Entry, model: Any) -> None:
        entry.fate, entry.files, entry.reason = model.fate, list(model.files), model.reason

    def report(self) -> None:
        """Write `harvest.json`, atomically."""
        entries = list(self.entries.values())
        if self._left_out:
            reason = f"more than {self._limits.objects:,} globals: a setting limits their number"
            entries.append(Entry(f"({self._left_out:,} more)", "various", "not kept", reason=reason))
        if self.clock.over:
            entries = [
                replace(entry, reason=self.clock.over) if entry.fate == "not reached" else entry for entry in entries
            ]
        rows = [{key: value for key, value in vars(entry).items() if value not in (None, "", [])} for entry in entries]
        counts = dict(Counter(entry.fate for entry in entries))
        if self._left_out:
            counts["not kept"] += self._left_out - 1
        with replacing(self._folder / HARVEST_REPORT, f".{HARVEST_REPORT}") as beside:
            beside.write_text(json.dumps({"counts": counts, "globals": rows}, indent=1, ensure_ascii=True))

    def _keep(self, file: h5py.File, name: str, value: Any, nodes: dict[int, str]) -> None:
        entry = self.entries[name]
        if is_code(value):
            entry.fate = "code"
            return
        size = size_of(value)
        if size > self._limits.object_bytes or self._bytes + size > self._limits.total_bytes:
            self._refuse(name, f"{size / 2**30:.1f} GB: a setting limits the size of what is collected")
            return
        is_taken = safe_name(name) in file
        try:
            self._write(file, name, value, size, nodes)
        finally:
            # Not within the object's time, which may be over in the middle of this.
            if not is_taken and not any(path.startswith(ARRAYS) for path in entry.files):
                file.pop(safe_name(name), None)

    def _write(self, file: h5py.File, name: str, value: Any, size: int, nodes: dict[int, str]) -> None:
        entry = self.entries[name]
        with self._faults_reported(name, self._limits.object_seconds):
            if figures.is_figure(value):
                # The variable's name tells more than a number, and one picture is enough.
                numbered = self._shown.unchanged(value) if self._shown else []
                entry.files = figures.save(value, self._folder / "figures", name)
                for path in numbered:
                    path.unlink(missing_ok=True)
                entry.fate = "figure"
            elif tables.is_frame(value):
                self._keep_table(file, name, value, entry)
            elif id(value) in nodes:
                file[safe_name(name)] = file[nodes[id(value)]]
                self._describe(file[safe_name(name)], entry)
            else:
                remarks: list[str] = []
                node = encode(file, name, value, remarks=remarks)
                self._describe(node, entry)
                entry.reason = "; ".join(remarks)
                if size > 2**20:
                    nodes[id(value)] = node.name
            self._bytes += size

    def _describe(self, node: Any, entry: Entry) -> None:
        entry.fate = "array"
        entry.files = [f"{ARRAYS}:{node.name}"]
        if isinstance(node, h5py.Dataset):
            entry.shape = None if node.shape is None else [int(size) for size in node.shape]
            entry.dtype = str(node.attrs.get("dtype", node.dtype))

    def _keep_table(self, file: h5py.File, name: str, value: Any, entry: Entry) -> None:
        folder = self._folder / "tables"
        folder.mkdir(exist_ok=True)
        path = folder / f"{safe_name(name)}.parquet"
        value, remark = tables.plain(value)
        reasons = []
        try:
            tables.write(value, path)
            entry.files.append(f"tables/{path.name}")
        except NotStorable as error:
            reasons.append(str(error))
        if size_of(value) <= _SMALL_TABLE_BYTES or not entry.files:
            try:
                node = encode(file, name, value)
                entry.files.append(f"{ARRAYS}:{node.name}")
            except NotStorable as error:
                reasons.append(str(error))
        if not entry.files:
            raise NotStorable("; ".join(reasons))
        entry.fate, entry.reason = "table", remark
        entry.shape = [int(size) for size in value.shape]

    @contextlib.contextmanager
    def _faults_reported(self, name: str, seconds: float, share: float = 0.0) -> Iterator[None]:
        """Turn an object's exception, or its exceeded limit of time or memory, into the reason in the report.

        Raises
        ------
        Stopped
            The harvest is over.
        """
        try:
            with self.clock.within(seconds, share):
                yield
        except NotStorable as error:
            # A model is no array either; the second step looks at what is left.
            self.entries[name].reason = str(error)
        except TooSlow:
            self._refuse(name, f"it took longer than {seconds:g} s to be written")
            self._ended.add(name)
        except TooLarge:
            self._refuse(name, f"its export took more than {share:.0%} of the free memory: give the job more memory")
            self._ended.add(name)
        except MemoryError:
            self._refuse(name, "there was not enough memory to write it")
        except Stopped:
            raise
        except BaseException as error:  # noqa: BLE001 - the object's own code runs, and raises what it likes
            self._refuse(name, f"{type(error).__name__} while it was written{_text_of(error)}")

    def _refuse(self, name: str, reason: str) -> None:
        entry = self.entries[name]
        # A table that is in one of its files is kept.
        entry.fate, entry.reason = "table" if entry.files else "not kept", reason


def is_code(value: Any) -> bool:
    """Whether this is a module, a function, a class: it is in the notebook's text, not data."""
    if issubclass(type(value), _CODE):
        return True
    numpy = sys.modules.get("numpy")
    typing_like = type(value).__module__ in {"typing", "functools"}
    return typing_like or (numpy is not None and type(value) is numpy.ufunc)


def size_of(value: Any) -> int:
    """Return the bytes of an array, a tensor or a frame, and a rough figure for anything else."""
    try:
        for cls in type(value).__mro__:
            measure = _MEASURES.get((cls.__module__.partition(".")[0], cls.__name__))
            if measure is not None:
                return int(measure(value))
        if type(value) in (str, bytes, bytearray, list, tuple, dict, set, frozenset):
            return sys.getsizeof(value)
    except Exception:  # noqa: BLE001 - an object of a strange make: its size is told when it is written
        return 0
    return 0


_MEASURES: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("numpy", "ndarray"): lambda array: array.nbytes,
    ("torch", "Tensor"): lambda tensor: tensor.nbytes,
    ("jax", "Array"): lambda array: array.nbytes,
    ("jaxlib", "Array"): lambda array: array.nbytes,
    ("jaxlib", "ArrayImpl"): lambda array: array.nbytes,
    ("tensorflow", "Tensor"): lambda tensor: tensor.shape.num_elements() * tensor.dtype.size,
    ("tensorflow", "Variable"): lambda tensor: tensor.shape.num_elements() * tensor.dtype.size,
    ("pandas", "DataFrame"): lambda frame: frame.memory_usage().sum(),
    ("pandas", "Series"): lambda series: series.memory_usage(),
    ("pandas", "Index"): lambda index: index.memory_usage(),
    ("polars", "DataFrame"): lambda frame: frame.estimated_size(),
    ("polars", "Series"): lambda series: series.estimated_size(),
    ("scipy", "_spbase"): lambda matrix: matrix.nnz * 16,
}


def _text_of(error: BaseException) -> str:
    try:
        text = str(error).strip()
    except BaseException:  # noqa: BLE001 - an error's text is code of the user's too
        return ""
    return f": {text.splitlines()[0][:200]}" if text else ""
