"""What a notebook sees without an import: `history`, `get`, `put` and the predecessor's functions; runs in the kernel.

Every notebook's start pays for this module, so it imports nothing but the standard library's small parts; the first use
of a name imports what does the work.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from nebulab.contract import JOB_TOOL
from nebulab.errors import SettingsError
from nebulab.kernel.settings import KernelSettings

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

    from nebulab.kernel.histories import History
    from nebulab.kernel.packages import Packages

__all__ = [
    "find_matching_history_ids",
    "get",
    "get_galaxy_connection",
    "get_user_history",
    "history",
    "load_ipython_extension",
    "put",
    "run_script_job",
]


def get(
    datasets_identifiers: Any,
    identifier_type: str = "hid",
    history_id: str | None = None,
    retrieve_datatype: Any = None,
) -> Any:
    """Download datasets of the history and return the local path, or a list of paths if there are several.

    Parameters
    ----------
    datasets_identifiers
        One or a list: the numbers that the history shows (`hid`), names, or regular expressions.
    identifier_type
        What the identifiers are: `hid`, `name` or `regex`.
    history_id
        Another history than the one that this session was started from.
    retrieve_datatype
        If true, return a pair: a list of paths, and the datatype (a dictionary by hid, if there are several paths).

    Raises
    ------
    DatasetNotFound, DatasetNotReady, DatasetFailed, TransferError, GalaxyAway
    """
    from nebulab.kernel import classic

    return classic.get(datasets_identifiers, identifier_type, history_id, retrieve_datatype)


def put(filenames: Any, file_type: str = "auto", history_id: str | None = None) -> None:
    """Upload one file, or a list of files, to the history; Galaxy goes on taking them in after the return.

    Parameters
    ----------
    filenames
        A path or a list of paths.
    file_type
        Galaxy's datatype; `auto` lets Galaxy find it out.
    history_id
        Another history than the one that this session was started from.

    Raises
    ------
    QuotaExceeded, TransferError, GalaxyAway
    """
    from nebulab.kernel import classic

    classic.put(filenames, file_type, history_id)


def get_galaxy_connection(history_id: str | None = None, obj: bool = True) -> Any:
    """Return a BioBlend connection to Galaxy: `bioblend.galaxy.objects.GalaxyInstance`, or the plain one without `obj`.

    Raises
    ------
    DatasetNotFound
        Galaxy does not know the history.
    NotAllowed, GalaxyAway
    """
    from nebulab.kernel import classic

    return classic.get_galaxy_connection(history_id, obj)


def find_matching_history_ids(
    list_of_regex_patterns: Any, identifier_type: str = "hid", history_id: str | None = None
) -> list[Any]:
    """Return the hids (or ids, with another `identifier_type`) of the ready datasets whose name matches a pattern.

    Patterns are regular expressions for the beginning of a name, upper and lower case alike.
    """
    from nebulab.kernel import classic

    return classic.find_matching_history_ids(list_of_regex_patterns, identifier_type, history_id)


def get_user_history(history_id: str | None = None) -> list[dict[str, Any]]:
    """Return Galaxy's description of every visible dataset of the history."""
    from nebulab.kernel import classic

    return classic.get_user_history(history_id)


def run_script_job(  # noqa: PLR0913 - the predecessor's arguments, and one more
    script_path: str,
    data_dict: Any = (),
    server: str | None = None,
    key: str | None = None,
    new_history_name: str = "ml_analysis",
    tool_name: str = JOB_TOOL,
    packages: Packages = "session",
) -> dict[str, Any]:
    """Run the code of a notebook as a job of Galaxy, in a new history, and wait until it has ended.

    Parameters
    ----------
    script_path
        The notebook, or a Python script.
    data_dict
        Paths of the files that the code reads, as the code names them.
    server, key
        Another Galaxy than this session's.
    new_history_name
        Name of the history that is made for it.
    tool_name
        The tool that runs it.
    packages
        What the job installs first: by default what was installed in this session; or a list of requirements, or None.

    Returns
    -------
    dict
        `job_client` (BioBlend's) and `e_job`, Galaxy's answer to the request.

    Raises
    ------
    DatasetFailed
        The job failed; the message has the end of what it wrote.
    TransferError, QuotaExceeded, GalaxyError, GalaxyAway
    """
    from nebulab.kernel import remote

    return remote.run_script_job(script_path, data_dict, server, key, new_history_name, tool_name, packages)


def __getattr__(name: str) -> History:
    if name == "history":
        from nebulab.kernel.histories import History

        return History()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Put the names into the notebook; IPython calls this when the kernel starts."""
    from nebulab.kernel.histories import History
    from nebulab.kernel.names.former import NAMES

    settings = KernelSettings.from_environment()
    shell.push(
        {
            **NAMES,
            "history": History(),
            "get": get,
            "put": put,
            "get_galaxy_connection": get_galaxy_connection,
            "find_matching_history_ids": find_matching_history_ids,
            "get_user_history": get_user_history,
            "run_script_job": run_script_job,
            "HISTORY_ID": settings.history_id,
            "GALAXY_INPUTS": _inputs(settings),
        },
        interactive=False,
    )
    shell.events.register("post_run_cell", _explain)
    # Where debugpy is missing or does not work here, there is no debugger.
    if hasattr(getattr(shell, "kernel", None), "debugger"):
        from nebulab.kernel.debugging import make_private

        make_private(shell.kernel)


def _inputs(settings: KernelSettings) -> Any:
    """Return the tool's inputs; what raises at its first use where they can't be read, so that a kernel starts."""
    try:
        return settings.read_inputs()
    except SettingsError as error:
        from nebulab.kernel.names.unreadable import UnreadableInputs

        return UnreadableInputs(error)


def _explain(result: ExecutionResult) -> None:
    """Print advice beside a cell's error, if there is any."""
    if isinstance(result.error_in_exec, OSError | ImportError):
        from nebulab.kernel import advice

        if text := advice.for_error(result.error_in_exec):
            print(text, file=sys.stderr)
