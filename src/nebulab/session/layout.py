"""Paths of a session's files, most of them below the folder in which its command was started; runs in the session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

EXECUTED = "notebook.ipynb"
"""The executed notebook of a job, by its name below `Layout.results`."""


@dataclass(frozen=True)
class Layout:
    """The folders of one session below `root`, where the command was started (`<job>/working`)."""

    root: Path
    folder: Path | None = None
    """The working folder of a session without a job, which is the person's own and lies elsewhere."""
    passing: bool = False
    """Whether `root` ends with the session although no job owns it."""

    @property
    def work(self) -> Path:
        """The user's working folder."""
        return self.folder or self.root / "jupyter"

    @property
    def outputs(self) -> Path:
        """The folder that becomes the output collection."""
        return self.work / "outputs"

    @property
    def staged(self) -> Path:
        """Links to the inputs."""
        return (self.own if self.folder else self.work) / "galaxy_inputs"

    @property
    def own(self) -> Path:
        """The session's own files."""
        return self.root / "session"

    @property
    def home(self) -> Path:
        """HOME of JupyterLab and the kernels."""
        return self.own / "home"

    @property
    def runtime(self) -> Path:
        """Jupyter's runtime and data folders, and the kernelspec."""
        return self.own / "runtime"

    @property
    def overlay(self) -> Path:
        """The environment that takes the user's own packages."""
        return self.own / "overlay"

    @property
    def conda(self) -> Path:
        """The conda environments that the user makes."""
        return self.own / "conda"

    @property
    def cache(self) -> Path:
        """Datasets that a notebook fetched."""
        return self.own / "cache"

    @property
    def server_log(self) -> Path:
        """JupyterLab's output; the sandbox can't write here, since the end of it is shown to the user."""
        return self.root / "jupyterlab.log"

    @property
    def failure(self) -> Path:
        """The reason for which a notebook that ran without a browser failed."""
        return self.own / "failure.txt"

    @property
    def mirror(self) -> Path:
        """Hard links to the files that Galaxy will collect; the sandbox can't write here."""
        return self.root / "mirror"

    @property
    def results(self) -> Path:
        """Results of a training."""
        return self.root / "results"

    @property
    def stop_file(self) -> Path:
        """A file that is made to have a training stopped and harvested."""
        return self.own / "stop"

    @property
    def kept(self) -> Path:
        """A file that is made when the outputs are complete at the end; the job's script waits for it."""
        return self.root / "kept"

    @property
    def metadata(self) -> Path:
        """Galaxy's list of collected files."""
        return self.root / "galaxy.json"

    @property
    def recovery(self) -> Path:
        """The list of lost outputs, for the process that uploads them into the history."""
        return self.root / "recovery.json"

    @property
    def job(self) -> Path:
        """The job's folder, where Galaxy's own files lie."""
        return self.root.parent
