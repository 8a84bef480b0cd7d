"""The kinds of sessions, one class each: a job, one of Galaxy's, one without Galaxy; runs at the session's start.

They differ in what is asked for, which notebooks lie there at first, and what becomes of the outputs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from nebulab.session import standalone
from nebulab.session.inputs import job, start
from nebulab.session.inputs.staging import Request, read_request
from nebulab.session.journal import Journal
from nebulab.session.outputs.collected import Collected
from nebulab.session.outputs.elements import Datatypes
from nebulab.session.outputs.kept import Kept
from nebulab.session.outputs.mirror import Mirror
from nebulab.session.outputs.results import Results
from nebulab.session.settings import SessionSettings


@dataclass(frozen=True)
class Place:
    """Where a session is laid out, and by what means."""

    settings: SessionSettings
    isolation: str
    datatypes: Datatypes
    journal: Journal
    clone: start.Clone


@dataclass(frozen=True)
class LaidOut:
    """What a session has when Galaxy could collect: its first notebook, its outputs, and where its links lead."""

    first: start.Start
    collected: Collected
    sources: tuple[Path, ...] = ()


class Kind(ABC):
    """One kind of session, for what was asked of it."""

    program: job.Program | None = None
    """The notebook or script, if this is a job and nobody's session."""

    def __init__(self, request: Request) -> None:
        self.request = request

    @abstractmethod
    def lay_out(self, place: Place) -> LaidOut:
        """Put the first notebooks where they belong, and make ready what keeps the outputs.

        Raises
        ------
        StagingError
            What was asked for can't be had.
        """


class Job(Kind):
    """A notebook or a script that runs by itself, as a job of Galaxy."""

    program: job.Program

    def __init__(self, request: Request, program: job.Program) -> None:
        super().__init__(request)
        self.program = program

    def lay_out(self, place: Place) -> LaidOut:
        """Lay out the program with its datasets; its results are what Galaxy collects."""
        settings = place.settings
        for folder in (settings.layout.outputs, settings.layout.mirror):
            folder.mkdir(parents=True, exist_ok=True)
        sources = job.lay_out(self.program, settings.layout)
        first = start.Start(self.program.path, (settings.layout.work / self.program.path).read_bytes())
        collected = Results(
            settings.layout,
            place.datatypes,
            place.journal.tell,
            datasets=settings.outputs,
            max_outputs=settings.max_outputs,
            disk_bytes=settings.disk_bytes,
            name=self.program.name,
            job_id=settings.job_id,
        )
        return LaidOut(first, collected, sources)


class InGalaxy(Kind):
    """A session of Galaxy's interactive tool, in a mode of the tool."""

    def lay_out(self, place: Place) -> LaidOut:
        """Lay out the mode's notebooks; outputs are mirrored as they are saved."""
        settings = place.settings
        for folder in (settings.layout.outputs, settings.layout.mirror):
            folder.mkdir(parents=True, exist_ok=True)
        first = start.prepare(self.request, settings.layout, place.clone)
        if first.problem:
            place.journal.tell(first.problem)
        collected = Mirror(
            settings.layout,
            place.datatypes,
            place.journal.tell,
            notebook_output=settings.notebook_output,
            max_outputs=settings.max_outputs,
            disk_bytes=settings.disk_bytes,
        )
        return LaidOut(first, collected)


class Standalone(Kind):
    """A person's own folder, without Galaxy."""

    def lay_out(self, place: Place) -> LaidOut:
        """Put the default notebooks into an empty folder only; what is made stays where it is."""
        settings = place.settings
        first = start.in_own_folder(settings.layout)
        collected = Kept(
            settings.layout, place.datatypes, place.journal.tell, max_outputs=settings.max_outputs, disk_bytes=None
        )
        for trouble in standalone.troubles(settings.layout, place.isolation):
            place.journal.tell(trouble)
        return LaidOut(first, collected)


def kind_of(settings: SessionSettings) -> Kind:
    """Return the kind that the settings and Galaxy's JSON of the inputs tell.

    Raises
    ------
    StagingError
        The inputs have another form.
    """
    if settings.inputs and settings.mode == "job":
        return Job(*job.read_request(settings.inputs))
    request = read_request(settings.inputs) if settings.inputs else Request(mode=settings.mode or "scratch")
    return Standalone(request) if settings.standalone else InGalaxy(request)
