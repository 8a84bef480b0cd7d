"""What the user of this session installed, as a job installs it again; runs in the kernel."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from nebulab import contract
from nebulab.errors import SettingsError

SESSION = "session"
"""The packages that were installed in this session."""
_SECONDS = 60

Packages = str | Sequence[str] | None


def requirements(packages: Packages, environment: Mapping[str, str] = os.environ) -> str:
    """Return packages as `pip install -r` reads them.

    Parameters
    ----------
    packages
        `session` for those that were added in this session, a list of requirements, the text of such a file, or None.

    Raises
    ------
    SettingsError
        The session's packages can't be listed.
    """
    if packages != SESSION:
        lines = packages.splitlines() if isinstance(packages, str) else packages or ()
        return "\n".join(lines)
    if not environment.get(contract.OVERLAY):
        return ""
    listed = _freeze(environment)
    wanted = [line for line in listed.splitlines() if line and not line.startswith("#")]
    # A package from a file of this session, which a job does not have, is named in a comment.
    left = [line.removeprefix("# ") for line in listed.splitlines() if " was installed from " in line]
    if left:
        print("The job does without what came from a file of this session:", *left, sep="\n  ")
    if wanted:
        print(f"The job installs what you added: {', '.join(wanted)} (packages=None sends none).")
    return "\n".join(wanted)


def _freeze(environment: Mapping[str, str]) -> str:
    # Another process, of the Lab's Python, which no package of the user's can break.
    program = shutil.which("nebulab", path=environment.get("PATH"))
    hint = "Say packages=None to send none, or packages=[…] with their names."
    if program is None:
        raise SettingsError("The packages of this session can't be listed: there is no nebulab on PATH.", hint)
    command = [program, "packages", "freeze"]
    try:
        finished = subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SettingsError(f"The packages of this session can't be listed: {error}.", hint) from error
    if finished.returncode:
        last = (finished.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise SettingsError(f"The packages of this session can't be listed: {last}", hint)
    return finished.stdout
