"""`nebulab.checkpoint`: a folder that survives the job that wrote it, kept in the history; runs in the kernel."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from nebulab.errors import NebulabError, SettingsError, TransferError
from nebulab.kernel.settings import KernelSettings

if TYPE_CHECKING:
    from nebulab.galaxy.connection import Galaxy
    from nebulab.galaxy.contents import Item

FOLDER = ".checkpoints"
TAG = "nebulab-checkpoint"
DEFAULT_SECONDS = 60.0
_STILL_SECONDS = 2.0
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")
_open: dict[str, Checkpoint] = {}


def checkpoint(name: str, *, every: float = DEFAULT_SECONDS) -> Checkpoint:
    """Return a folder which the next run of this notebook finds again, even if this one is killed.

    What is in it is sent to the history when it has changed, at most every `every` seconds, and at `.save()`; a run
    that begins without it gets it from there. Without a Galaxy it is a folder on the disk.

    Parameters
    ----------
    name
        One for each training of a history; letters, digits, `.`, `_` and `-`.

    Raises
    ------
    SettingsError
        The name can't be one of a folder.
    TransferError, GalaxyAway
        The history has it, and it can't be fetched; nothing is begun anew by mistake.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(f"A checkpoint can't be called {name!r}.", "Use letters, digits, points and dashes.")
    if name not in _open:
        _open[name] = Checkpoint(name, Path.cwd() / FOLDER / name, every)
    return _open[name]


class Checkpoint(os.PathLike[str]):
    """A folder: use it as a path, `folder / "state.npz"`."""

    def __init__(self, name: str, path: Path, every: float) -> None:
        self.name = name
        self.path = path
        self._every = every
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._galaxy = _connected()
        self._sent = ""
        path.mkdir(parents=True, exist_ok=True)
        if self._galaxy is not None:
            self._restore(self._galaxy)
            self._sent = self._state()
            threading.Thread(target=self._keep_sent, name=f"nebulab-checkpoint-{name}", daemon=True).start()
            atexit.register(self._last)

    def __fspath__(self) -> str:
        return str(self.path)

    def __truediv__(self, other: str | PurePath) -> Path:
        return self.path / other

    def __str__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        count = len(_files(self.path))
        return f"<checkpoint {self.name}: {count} file{'' if count == 1 else 's'} in {self.path}>"

    def save(self) -> None:
        """Send the folder to the history now, if it has changed, and return when it is there.

        Raises
        ------
        TransferError, QuotaExceeded, GalaxyAway
            The version that was sent before stays.
        """
        if self._galaxy is None:
            return
        with self._lock:
            state = self._state()
            if state != self._sent:
                try:
                    self._send(self._galaxy)
                except (OSError, ValueError, RuntimeError) as error:
                    # What zipfile and the disk raise: a file that went or grew meanwhile, no room.
                    raise TransferError(
                        f"The checkpoint {self.name!r} can't be packed: {error}", "The version in the history stays."
                    ) from error
                self._sent = state

    def _send(self, galaxy: Galaxy) -> None:
        from nebulab.galaxy.upload import Upload, upload
        from nebulab.galaxy.waiting import verify_upload, wait_for_item

        history = KernelSettings.from_environment().history(None)
        older_versions = self._versions(galaxy)
        # Beside the folder: /tmp may lie in memory.
        with tempfile.TemporaryDirectory(prefix=".nebulab-checkpoint-", dir=self.path.parent) as folder:
            packed = Path(folder) / f"{self.name}.zip"
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
                for path in (*_folders(self.path), *_files(self.path)):
                    archive.write(path, path.relative_to(self.path))
            item = upload(galaxy, history, Upload(packed, self._label, "zip", [TAG]))
            verify_upload(wait_for_item(galaxy, item), packed.stat().st_size)
        for version in older_versions:
            galaxy.delete(f"datasets/{version.id}", {"purge": True})

    def _restore(self, galaxy: Galaxy) -> None:
        """Unpack the newest version of the history, unless the folder holds something already."""
        from nebulab.galaxy.download import download

        versions = self._versions(galaxy)
        if not versions or _files(self.path):
            return
        with tempfile.TemporaryDirectory(prefix="nebulab-checkpoint-", dir=self.path.parent) as folder:
            packed = download(galaxy, versions[-1].id, Path(folder) / "checkpoint.zip")
            unpacked = Path(folder) / "unpacked"
            try:
                with zipfile.ZipFile(packed) as archive:
                    archive.extractall(unpacked)
            except (zipfile.BadZipFile, OSError) as error:
                raise TransferError(
                    f"The checkpoint {self.name!r} of the history can't be unpacked: {error}",
                    f"Delete the dataset {self._label!r} to begin anew.",
                ) from error
            unpacked.mkdir(exist_ok=True)
            # Empty but for folders, as the notebook made them before it asked for the checkpoint.
            for empty in _folders(self.path):
                (unpacked / empty.relative_to(self.path)).mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self.path)
            shutil.move(unpacked, self.path)

    def _versions(self, galaxy: Galaxy) -> list[Item]:
        """Return the versions in the history, the newest last."""
        from nebulab.galaxy.contents import READY_STATES, list_contents

        history = KernelSettings.from_environment().history(None)
        items = list_contents(galaxy, history).find(name=self._label, tag=TAG)
        return sorted((item for item in items if item.state in READY_STATES), key=lambda item: item.hid)

    @property
    def _label(self) -> str:
        return f"checkpoint {self.name}"

    def _state(self) -> str:
        described = []
        for file in _files(self.path):
            with contextlib.suppress(OSError):
                status = file.stat()
                described.append(f"{file} {status.st_size} {status.st_mtime_ns}")
        return "\n".join(described)

    def _keep_sent(self) -> None:
        while not self._over.wait(self._every):
            try:
                state = self._state()
                time.sleep(_STILL_SECONDS)
                # Just being written: a version cut in two would be worse than an old one.
                if state == self._state():
                    self.save()
            # Whatever it was, the next time is another try.
            except Exception as error:  # noqa: BLE001
                print(f"nebulab: the checkpoint {self.name!r} was not sent, and will be: {error}", file=sys.stderr)

    def _last(self) -> None:
        self._over.set()
        with contextlib.suppress(NebulabError):
            self.save()


def _connected() -> Galaxy | None:
    settings = KernelSettings.from_environment()
    if not (settings.url and settings.key and settings.history_id):
        return None
    from nebulab.kernel.connecting import connect

    return connect()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())
