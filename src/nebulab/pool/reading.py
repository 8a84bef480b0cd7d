"""One pool out of the sources that an administrator named, asked side by side."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nebulab.accelerators.gpus import Look
from nebulab.errors import SettingsError
from nebulab.pool import kubernetes, machine, slurm, static
from nebulab.pool.pool import Pool, merged

if TYPE_CHECKING:
    import httpx

KINDS = (
    "`slurm`, `slurm:PARTITION`, `kubernetes`, `kubernetes:LABEL=VALUE`, `http://NODE:9400/metrics`, "
    "`file:/PATH/machines.yml`, `machine`"
)
_EXPORTER_SECONDS = 4.0
_LABEL = re.compile(r"(\w[\w./!=-]*)?")


@dataclass(frozen=True)
class Sources:
    """Where the pool is read from; without any of them it is empty."""

    partitions: tuple[str, ...] = ()
    """Of Slurm; an empty name is the whole cluster."""
    labels: tuple[str, ...] = ()
    """Of Kubernetes' nodes; an empty one is the whole cluster."""
    exporters: tuple[str, ...] = ()
    """Addresses of Prometheus exporters of GPUs."""
    files: tuple[Path, ...] = ()
    machine: bool = False
    """This machine, by NVML."""

    def __bool__(self) -> bool:
        return bool(self.partitions or self.labels or self.exporters or self.files or self.machine)


def parse(text: str) -> Sources:
    """Read a list of sources, separated by blanks or commas.

    Raises
    ------
    SettingsError
        An entry is of no known kind.
    """
    partitions: list[str] = []
    labels: list[str] = []
    exporters: list[str] = []
    files: list[Path] = []
    this = False
    for entry in text.replace(",", " ").split():
        kind, _, rest = entry.partition(":")
        if kind == "slurm":
            partitions.append(rest)
        elif kind == "kubernetes" and _LABEL.fullmatch(rest):
            labels.append(rest)
        elif kind in ("http", "https") and urlsplit(entry).hostname:
            exporters.append(entry)
        elif kind == "file" and rest.startswith("/"):
            files.append(Path(rest))
        elif entry == "machine":
            this = True
        else:
            raise SettingsError(f"{entry!r} is no source of the pool.", f"The kinds are {KINDS}.")
    return Sources(tuple(partitions), tuple(labels), tuple(exporters), tuple(files), this)


async def read(
    sources: Sources, *, folder: Path = Path("/"), gpus: Callable[[], Awaitable[Look]] | None = None
) -> Pool:
    """Ask all sources at the same time; one that fails or is silent is named in the result's `troubles`.

    `folder` lies on the disk that counts as this machine's. `gpus` looks at this machine's: whoever reads again and
    again has a process that lasts (`nebulab.accelerators.following`); without it each time one is started.
    """
    asked: list[Awaitable[Pool]] = [asyncio.to_thread(slurm.read, partition=name) for name in sources.partitions]
    asked += [asyncio.to_thread(kubernetes.read, selector=label) for label in sources.labels]
    if sources.machine:
        asked.append(_machine(folder, gpus))
    async with _client(sources) as client:
        if client is not None:
            # Its parser is not in every environment that reads a pool.
            from nebulab.pool import exporters

            asked.append(exporters.read(sources.exporters, client=client))
        asked += [asyncio.to_thread(_file, path) for path in sources.files]
        return merged(await asyncio.gather(*asked))


async def _machine(folder: Path, gpus: Callable[[], Awaitable[Look]] | None) -> Pool:
    look = None if gpus is None else await gpus()
    return await asyncio.to_thread(machine.read, folder, look=look)


@contextlib.asynccontextmanager
async def _client(sources: Sources) -> AsyncIterator[httpx.AsyncClient | None]:
    if not sources.exporters:
        yield None
        return
    import httpx

    async with httpx.AsyncClient(timeout=_EXPORTER_SECONDS, follow_redirects=False, trust_env=False) as client:
        yield client


def _file(path: Path) -> Pool:
    try:
        return static.read(path)
    except SettingsError as error:
        return Pool(troubles=(error.message,))
