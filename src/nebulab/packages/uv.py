"""uv for a session's user: `uv pip` sees what the shared environment holds, and installs the rest; runs in the session.

uv looks for installed packages in a virtual environment's own folder only, and would install those of the shared
environment a second time: `uv pip install torchmetrics` would bring PyTorch with gigabytes of CUDA. So the metadata of
each shared package is put into the overlay as a stand-in while uv runs. To replace one, uv removes its stand-in alone;
the package that it then installs shadows the shared one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from nebulab.errors import NebulabError
from nebulab.session.kernels import overlay

STAND_IN = "nebulab-shared"
"""The INSTALLER of a stand-in for a shared package."""

# Commands that see no stand-ins: a shared package is not the user's to remove.
_WITHOUT = frozenset(["uninstall"])
_LOCK = ".nebulab-uv.lock"


def main() -> int:
    """Run uv with the arguments that follow the overlay's folder, and return its exit code."""
    folder, arguments = Path(sys.argv[1]), sys.argv[2:]
    try:
        command = [_program(), *arguments]
        if not needs_stand_ins(arguments) or not _is_active(folder):
            os.execv(command[0], command)  # noqa: S606 - uv in place of this process
        with seen(folder):
            # SIGINT is for uv; the stand-ins are removed when it has ended.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            return subprocess.run(command, preexec_fn=_heed_interrupts).returncode
    except NebulabError as error:
        sys.stderr.write(f"uv: {error}\n")
        return error.exit_code


def needs_stand_ins(arguments: Sequence[str]) -> bool:
    """Whether the shared packages must count as installed for these arguments of uv."""
    words = [word for word in arguments if not word.startswith("-")]
    return words[:1] == ["pip"] and not _WITHOUT & set(words[1:2])


@contextlib.contextmanager
def seen(folder: Path) -> Iterator[None]:
    """Put stand-ins for the shared packages into the overlay at `folder` during the block; a second uv waits."""
    own, shared = overlay.packages(folder), overlay.packages(overlay.below(folder))
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        clear(own)
        names = {_name(entry) for entry in own.glob("*.dist-info")}
        try:
            for entry in shared.glob("*.dist-info"):
                if _name(entry) not in names:
                    _stand_in(entry, own / entry.name)
            yield
        finally:
            clear(own)


def clear(own: Path) -> None:
    """Remove all stand-ins, those of a run that was killed among them."""
    for entry in own.glob("*.dist-info"):
        if installer(entry) == STAND_IN:
            with contextlib.suppress(OSError):  # a pip that runs beside this one may have removed it
                for file in entry.iterdir():
                    file.unlink()
                entry.rmdir()


def installer(entry: Path) -> str:
    """Return the program that installed the package with the metadata folder `entry`, or nothing."""
    try:
        return (entry / "INSTALLER").read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _stand_in(entry: Path, target: Path) -> None:
    target.mkdir()
    (target / "METADATA").symlink_to(entry / "METADATA")
    (target / "INSTALLER").write_text(STAND_IN)
    # The RECORD lists what uninstalling removes: the stand-in, and no file of the package.
    (target / "RECORD").write_text("".join(f"{target.name}/{name},,\n" for name in ("METADATA", "INSTALLER", "RECORD")))


def _name(entry: Path) -> str:
    return entry.name.partition("-")[0].lower().replace(".", "_")


def _is_active(folder: Path) -> bool:
    """Whether uv would install into this overlay: the user may have activated another environment."""
    return os.path.realpath(os.environ.get("VIRTUAL_ENV", "")) == os.path.realpath(folder)


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _program() -> str:
    """Return uv's path: in the environment that runs this, JupyterLab's, else on PATH outside of the overlay."""
    beside = Path(sys.executable).parent / "uv"
    program = str(beside) if beside.exists() else shutil.which("uv", path=_path_without_overlay())
    if program is None:
        raise NebulabError("uv is not installed here.", "`%pip install` works; or install uv with it.")
    return program


def _path_without_overlay() -> str:
    own = os.path.realpath(Path(sys.argv[1]) / "bin")
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if os.path.realpath(folder) != own)


if __name__ == "__main__":
    sys.exit(main())
