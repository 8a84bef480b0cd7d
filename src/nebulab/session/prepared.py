"""A prepared session: its files are laid out, and `live` can look after it; runs in the session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nebulab.accelerators.diagnosis import Seen
from nebulab.session.inputs import job, start
from nebulab.session.inputs.staging import Request
from nebulab.session.journal import Journal
from nebulab.session.outputs.collected import Collected
from nebulab.session.settings import SessionSettings
from nebulab.session.walls import sandbox, sealed


@dataclass
class Prepared:
    """A session whose files are laid out."""

    settings: SessionSettings
    isolation: str
    inherited: Mapping[str, str]
    request: Request
    sources: tuple[Path, ...]
    first: start.Start
    mirror: Collected
    journal: Journal
    gpus: Seen
    job: job.Program | None
    """The notebook or script, if this is a training."""
    outward: sealed.Outward | None
    """The port that leads out of a container without network."""
    began: float
    """Time of the monotonic clock at the session's start, in seconds."""

    def sandboxed(self, argv: Sequence[str], variables: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        """Wrap a command so that it runs isolated, as this session's notebooks do."""
        return sandboxed(self.settings, self.isolation, self.sources, argv, variables)


def sandboxed(
    settings: SessionSettings,
    isolation: str,
    sources: Sequence[Path],
    argv: Sequence[str],
    variables: Mapping[str, str],
) -> tuple[list[str], dict[str, str]]:
    """Wrap a command of a session that is not laid out yet, as `Prepared.sandboxed` does."""
    layout = settings.layout
    wrapped, environment = sandbox.command(
        argv,
        isolation=isolation,
        writable=(layout.work, layout.own, layout.results),
        readable=(
            *sources,
            *settings.show,
            *(sandbox.interpreter_folders(settings.kernels) if settings.kernels else ()),
        ),
        hidden=(layout.job, *settings.hide) if settings.in_galaxy else settings.hide,
        environment=variables,
        cwd=layout.work,
        memory_mb=settings.memory_mb,
    )
    return list(wrapped), dict(environment)
