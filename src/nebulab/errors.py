"""Every error that Nebulab raises on purpose; runs everywhere.

NebulabError
├── SettingsError            a setting or an option has no usable value
│   └── ImageMissing         a container engine works, and lacks the image
├── GalaxyError              Galaxy answered, and the answer is no
│   ├── NotAllowed           the key or the token lacks the right
│   ├── DatasetNotFound      no such dataset, collection or history
│   ├── DatasetNotReady      still queued, running or uploading
│   ├── DatasetFailed        in error, or purged
│   │   └── DatasetLost      Galaxy ended while its job ran
│   └── QuotaExceeded        the user's storage is full
├── GalaxyAway               Galaxy did not answer, after retries
├── TransferError            a download or an upload ended wrong
│   ├── TransferIncomplete   the length differs from what was announced
│   ├── HashMismatch         the content differs from what Galaxy holds
│   └── DiskFull             no room left on the local disk
├── SessionError             a JupyterLab session can't do its work
│   ├── StagingError         an input can't be laid out in the working folder
│   ├── RepositoryError      a Git repository can't be cloned
│   └── ServerError          JupyterLab doesn't start, or died
├── NotebookError            a notebook can't be run
│   ├── CellFailed           a cell raised
│   └── RunStopped           a time limit or a signal ended it
├── PipelineError            a pipeline file can't be understood, or can't run as it is
├── PipelineFailed           a node of a pipeline failed
├── PortalError              the portal can't do what was asked
│   ├── FormError            fields of a form have no usable values
│   ├── NotThere             no such application, or it is not this person's
│   ├── NotYours             the person may not do this
│   └── Overtaken            somebody else has decided first
├── Refused                  the door does not let a session's container through
└── StackError               a part of the embedded stack can't do its work
    ├── InstallError         an environment can't be installed
    ├── ImageError           the container image can't be built or found
    ├── PortTaken            something else listens there
    ├── BackupError          a backup can't be made, or is not whole
    ├── AlreadyRunning       the data folder has a running stack
    └── NotRunning           it has none
"""

from __future__ import annotations


class NebulabError(Exception):
    """An error: the `message` says what happened, the `hint` what to do next; the CLI prints both, and no traceback."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows instead of a traceback, which would show Nebulab's code."""
        return [f"{type(self).__name__}: {self}"]


class SettingsError(NebulabError):
    """A setting or an option has no usable value."""

    exit_code = 2


class ImageMissing(SettingsError):
    """A container engine works, and lacks the image that is to run."""


class GalaxyError(NebulabError):
    """Galaxy answered, and the answer is no."""

    def __init__(self, message: str, hint: str = "", status: int | None = None) -> None:
        super().__init__(message, hint)
        self.status = status


class NotAllowed(GalaxyError):
    """The key or the token lacks the right."""


class DatasetNotFound(GalaxyError):
    """No such dataset, collection or history."""


class DatasetNotReady(GalaxyError):
    """The dataset is still queued, running or uploading."""


class DatasetFailed(GalaxyError):
    """The dataset is in error, or purged."""


class DatasetLost(DatasetFailed):
    """Galaxy ended while the dataset's job ran: nothing was wrong with its content."""


class QuotaExceeded(GalaxyError):
    """The user's storage in Galaxy is full."""


class GalaxyAway(NebulabError):
    """Galaxy did not answer, after retries."""


class TransferError(NebulabError):
    """A download or an upload ended wrong."""


class TransferIncomplete(TransferError):
    """The length differs from what was announced."""


class HashMismatch(TransferError):
    """The content differs from what Galaxy holds."""


class DiskFull(TransferError):
    """No room is left on the local disk."""


class SessionError(NebulabError):
    """A JupyterLab session can't do its work."""


class StagingError(SessionError):
    """An input can't be laid out in the working folder."""


class RepositoryError(SessionError):
    """A Git repository can't be cloned."""


class ServerError(SessionError):
    """JupyterLab doesn't start, or died."""


class NotebookError(NebulabError):
    """A notebook can't be run."""


class CellFailed(NotebookError):
    """A cell raised; the message carries its source and the end of its traceback."""


class RunStopped(NotebookError):
    """A time limit or a signal ended the run of a notebook."""

    exit_code = 3


class PipelineError(NebulabError):
    """A pipeline file can't be understood, or can't run as it is."""

    exit_code = 2


class PipelineFailed(NebulabError):
    """A node of a pipeline failed; the message names each with its reason."""


class PortalError(NebulabError):
    """The portal can't do what was asked."""


class FormError(PortalError):
    """Fields of a form have no usable values: `faults` says by the field's name what is wrong."""

    exit_code = 2

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__("Some answers can't be used.", " ".join(faults.values()))
        self.faults = faults


class NotThere(PortalError):
    """No such application or access, or it is another person's."""

    exit_code = 3


class NotYours(PortalError):
    """The person has not the right to do this."""


class Overtaken(PortalError):
    """Somebody else has decided first; the message says who."""


class Refused(NebulabError):
    """The door does not let a session's container through."""


class StackError(NebulabError):
    """A part of the embedded stack can't do its work."""


class InstallError(StackError):
    """An environment can't be installed."""


class ImageError(StackError):
    """The container image can't be built, or is not there."""


class PortTaken(StackError):
    """Something else listens on the port."""


class BackupError(StackError):
    """A backup can't be made, or is not whole."""


class AlreadyRunning(StackError):
    """The data folder has a running stack."""


class NotRunning(StackError):
    """The data folder has no running stack."""

    exit_code = 3
