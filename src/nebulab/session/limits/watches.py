"""The watches on a session's limits; runs in the session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nebulab.session.limits import file_systems
from nebulab.session.limits.disk import Disk
from nebulab.session.limits.memory_watch import MemoryWatch
from nebulab.session.limits.processes_watch import ProcessesWatch

if TYPE_CHECKING:
    from nebulab.session.prepared import Prepared


def watches(prepared: Prepared, process: int) -> Iterator[MemoryWatch | Disk | ProcessesWatch]:
    """Return the watches that this session needs, on every process below `process`."""
    settings, journal = prepared.settings, prepared.journal
    writable = file_systems.of_session(settings.layout, prepared.isolation, process)
    contained, attended = prepared.isolation == "container", not prepared.request.run_it
    if settings.memory_mb is not None:
        limit = settings.memory_mb * 2**20
        yield MemoryWatch(
            process, limit, file_systems=writable, journal=journal, contained=contained, attended=attended
        )
    yield Disk(
        settings.layout,
        settings.disk_bytes,
        process=process,
        file_systems=writable,
        journal=journal,
        attended=attended,
    )
    if contained:
        yield ProcessesWatch(process, journal)
