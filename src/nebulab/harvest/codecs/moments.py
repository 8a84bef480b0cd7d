"""Codecs of dates, times and durations, Python's and pandas'; runs in the kernel."""

from __future__ import annotations

import datetime
from typing import Any

import h5py
import numpy as np

from nebulab.harvest.codecs.base import Codec, Differs, Node, NotStorable, Registry, Writer, describe, mark
from nebulab.harvest.codecs.comparing import same
from nebulab.harvest.codecs.scalars import read_text, write_text


class Moment(Codec):
    """datetime, date and time in ISO format; which of two equal hours it is (fold) and the zone's name beside it."""

    def __init__(self, cls: Any) -> None:
        self.kind = cls.__name__
        self.classes = (cls,)
        self._cls = cls

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        return write_text(group, name, value.isoformat(), self.kind, **_beside_iso(value))

    def read(self, registry: Registry, node: Any) -> Any:
        return _completed(self._cls.fromisoformat(read_text(node)), node.attrs)

    def check(self, registry: Registry, node: Any, value: Any) -> None:
        back = self.read(registry, node)
        if not same(_parts(value), _parts(back)):
            raise Differs(f"the {self.kind} {value} would come back as {back}")


def _beside_iso(value: Any) -> dict[str, Any]:
    """Return, as attributes, what the ISO format leaves out."""
    attributes: dict[str, Any] = {"fold": 1} if getattr(value, "fold", 0) else {}
    zone = getattr(value, "tzinfo", None)
    if zone is None:
        return attributes
    if not isinstance(zone, datetime.timezone):
        raise NotStorable(f"a {type(value).__name__} in the zone {zone} would come back with a fixed offset only")
    if zone.tzname(None) != datetime.timezone(zone.utcoffset(None)).tzname(None):
        attributes["zone"] = zone.tzname(None)
    return attributes


def _completed(value: Any, attributes: Any) -> Any:
    """Return the moment with what `_beside_iso` told of it."""
    if "fold" in attributes:
        value = value.replace(fold=1)
    if "zone" in attributes:
        value = value.replace(tzinfo=datetime.timezone(value.tzinfo.utcoffset(None), str(attributes["zone"])))
    return value


def _parts(value: Any) -> tuple[Any, ...]:
    """Return what makes a moment: `==` leaves out the fold and the zone's name."""
    zone = getattr(value, "tzinfo", None)
    named = None if zone is None else (zone.utcoffset(None), zone.tzname(None))
    return describe(type(value)), value.isoformat(), getattr(value, "fold", 0), named


class Duration(Codec):
    """timedelta: days, seconds and microseconds."""

    kind = "timedelta"
    classes = (datetime.timedelta,)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: datetime.timedelta) -> Node:
        parts = np.array([value.days, value.seconds, value.microseconds], dtype=np.int64)
        return mark(group.create_dataset(name, data=parts), self.kind)

    def read(self, registry: Registry, node: Any) -> datetime.timedelta:
        return datetime.timedelta(*(int(part) for part in node[()]))


class PandasMoment(Codec):
    """Timestamp and Timedelta of pandas, with the unit that they count in."""

    def __init__(self, name: str) -> None:
        self.kind = name
        self.libraries = (("pandas", name),)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        attributes = _beside_iso(value)
        if type(value)(value.isoformat()).unit != value.unit:
            attributes["unit"] = value.unit
        return write_text(group, name, value.isoformat(), self.kind, **attributes)

    def read(self, registry: Registry, node: Any) -> Any:
        import pandas as pd

        value = _completed(getattr(pd, self.kind)(read_text(node)), node.attrs)
        return value.as_unit(str(node.attrs["unit"])) if "unit" in node.attrs else value

    def check(self, registry: Registry, node: Any, value: Any) -> None:
        back = self.read(registry, node)
        if not same((*_parts(value), value.unit), (*_parts(back), back.unit)):
            raise Differs(f"the {self.kind} {value} would come back as {back}")


CODECS: tuple[Codec, ...] = (
    Moment(datetime.datetime),
    Moment(datetime.date),
    Moment(datetime.time),
    Duration(),
    PandasMoment("Timestamp"),
    PandasMoment("Timedelta"),
)
