"""A Git repository cloned into the user's working folder; runs once, at the start of a session in repository mode.

The address comes from a form or a workflow and is not trusted: only allowed URL schemes pass, and nothing that Git
could take for an option or for a program to run. Git itself runs in the sandbox, asks for no password, and has a time
limit.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from nebulab.errors import RepositoryError

Sandboxed = Callable[[Sequence[str], Mapping[str, str]], tuple[Sequence[str], Mapping[str, str]]]
"""Wraps a command and its environment so that they run in the session's sandbox."""

_SHORT_SSH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^-:/\s][^:\s]*")
_REFERENCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+@#-]*")
_PRIVATE = (
    "Authentication failed",
    "could not read Username",
    "Permission denied",
    "terminal prompts disabled",
    "error: 403",
)
_ABSENT = ("not found", "does not exist", "does not appear to be a git repository", "error: 404")

# Git's own guards, given on the command line so that no configuration file can lift them.
_GUARDS = (
    "-c", "protocol.ext.allow=never",
    "-c", "protocol.file.allow=never",
    "-c", "credential.helper=",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.fsmonitor=false",
    "-c", "http.followRedirects=initial",
)  # fmt: skip
_SSH = "-o BatchMode=yes -o StrictHostKeyChecking=accept-new -o ConnectTimeout=15"


def check_address(address: str, schemes: Sequence[str]) -> str:
    """Return the address if Git may be given it.

    Raises
    ------
    RepositoryError
        It is no address of an allowed kind, or carries a password.
    """
    if not address or any(character.isspace() or not character.isprintable() for character in address):
        raise RepositoryError(f"{address!r} is no address of a Git repository.", "Give it as https://host/owner/name.")
    if "://" not in address:
        if "ssh" in schemes and _SHORT_SSH.fullmatch(address) and "::" not in address:
            return address
        raise RepositoryError(f"{address!r} is no address of a Git repository.", "Give it as https://host/owner/name.")
    try:
        parts = urlsplit(address)
    except ValueError:  # as of `https://[::1/x`
        raise RepositoryError(
            f"{address!r} is no address of a Git repository.", "Give it as https://host/owner/name."
        ) from None
    allowed = ", ".join(schemes)
    if parts.scheme not in schemes or not parts.hostname or parts.hostname.startswith("-"):
        raise RepositoryError(f"{address!r} can't be cloned.", f"Give an address of one of these kinds: {allowed}.")
    if parts.password or (parts.username and parts.scheme != "ssh") or (parts.username or "").startswith("-"):
        raise RepositoryError(
            "The repository's address carries a user name or a password, which Galaxy would keep in the job's record.",
            "Take it out of the address, and clone in a terminal of the session instead.",
        )
    if not parts.path.strip("/"):
        raise RepositoryError(f"{address!r} names a server, but no repository.", "Give it as https://host/owner/name.")
    return address


def check_reference(reference: str) -> str:
    """Return the branch's or tag's name if Git may be given it.

    Raises
    ------
    RepositoryError
        It is no such name.
    """
    if reference and (not _REFERENCE.fullmatch(reference) or ".." in reference):
        raise RepositoryError(
            f"{reference!r} is no name of a branch or a tag.", "Leave it empty for the default branch."
        )
    return reference


def folder_name(address: str) -> str:
    """Return the name of the folder that the clone gets."""
    last = re.split(r"[/:]", address.rstrip("/"))[-1].removesuffix(".git")
    cleaned = re.sub(r"[^\w.-]", "_", last).lstrip(".-")
    return cleaned if cleaned and cleaned not in {"outputs", "galaxy_inputs"} else f"repository_{cleaned}"


def clone(  # noqa: PLR0913 - each is given by name
    address: str,
    reference: str,
    into: Path,
    *,
    schemes: Sequence[str],
    seconds: float,
    environment: Mapping[str, str],
    sandboxed: Sandboxed,
) -> Path:
    """Clone the newest commit of a branch or tag, without submodules, and return the new folder.

    Raises
    ------
    RepositoryError
        The address is refused, or Git could not clone; the message names the cause if it is a usual one.
    """
    check_address(address, schemes)
    check_reference(reference)
    target = into / folder_name(address)
    branch = ["--branch", reference] if reference else []
    options = ["--quiet", "--depth", "1", "--no-recurse-submodules", *branch]
    command = ["git", *_GUARDS, "clone", *options, "--", address, str(target)]
    git_variables = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_SSH_COMMAND": f"{environment.get('GIT_SSH_COMMAND') or 'ssh'} {_SSH}",
        "GIT_ALLOW_PROTOCOL": ":".join(schemes),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
    }
    argv, variables = sandboxed(command, {**environment, **git_variables})
    try:
        finished = subprocess.run(
            argv, env=dict(variables), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        shutil.rmtree(target, ignore_errors=True)
        raise RepositoryError(
            f"{address} was not cloned within {seconds:.0f} s.",
            "Is it very large? Clone it in a terminal of the session.",
        ) from None
    except OSError as error:
        raise RepositoryError(
            f"Git can't be started: {error.strerror}.", "Tell your Galaxy's administrator."
        ) from error
    if finished.returncode != 0:
        shutil.rmtree(target, ignore_errors=True)
        raise _explained(address, reference, finished.stderr)
    return target


def _explained(address: str, reference: str, stderr: str) -> RepositoryError:
    end = "\n".join(stderr.strip().splitlines()[-4:])
    if "Remote branch" in stderr and "not found" in stderr:
        return RepositoryError(
            f"{address} has no branch or tag {reference!r}.", f"Check its spelling. Git said:\n{end}"
        )
    if any(sign in stderr for sign in _PRIVATE):
        return RepositoryError(
            f"{address} needs a log-in: it is private, or there is no such repository.",
            f"Check the spelling; a private repository can be cloned in a terminal of the session. Git said:\n{end}",
        )
    if any(sign in stderr for sign in _ABSENT):
        return RepositoryError(f"There is no repository at {address}.", f"Check its spelling. Git said:\n{end}")
    return RepositoryError(f"{address} could not be cloned.", f"Git said:\n{end}")
