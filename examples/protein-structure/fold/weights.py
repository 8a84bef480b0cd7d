"""The weights of AlphaFold2's five networks: found in a folder or a data table, downloaded, or drawn by chance.

They are DeepMind's (CC BY 4.0), 3.7 GB in one archive, and belong neither into a package nor into an image.
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fold import FoldError
from nebulab import fetching

ARCHIVE = "https://storage.googleapis.com/alphafold/alphafold_params_2021-07-14.tar"
"""As ColabFold 1.6.3 fetches them; the server tells size and MD5."""

NAMES = tuple(f"params_model_{number}_ptm.npz" for number in range(1, 6))
"""ColabFold reads all five, also for one network."""

TABLE = "alphafold_db.loc"
"""The data table of Galaxy's AlphaFold tool: lines of value, name and path, with tabulators between them."""

FOLDER = ".weights"
"""Where they are put. What a job writes comes into the history, gigabytes too, but not what is hidden."""

VARIABLE = "ALPHAFOLD_DB"
"""By it usegalaxy's AlphaFold tool finds its folder, with one folder for each version in it."""

_CACHES = (Path("/cache/colabfold"),)  # in ColabFold's own container
_FOLDERS = ("", "params", "*/params")


@dataclass(frozen=True)
class Weights:
    """A folder with the files of `NAMES`, where it came from, and whether its numbers were drawn by chance."""

    folder: Path
    origin: str
    random: bool = False


def find(where: str | Path = "", folder: str | Path = FOLDER) -> Weights:
    """Return the weights.

    Parameters
    ----------
    where
        A folder with the five files or with a folder `params` that has them; a data table's file (`….loc`); the archive
        (`….tar`), which is unpacked into `folder`; `random`, for trying the steps; or nothing: then `folder`, the
        folder or data table that the variable ALPHAFOLD_DB names, and ColabFold's caches are looked at.
    folder
        Where downloaded, unpacked and random weights lie.

    Raises
    ------
    FoldError
        There are none; the text says how to get them.
    """
    if str(where) == "random":
        from fold import chance

        return Weights(chance.weights(Path(folder) / "random"), "chance", random=True)
    if where:
        return _given(Path(where), Path(folder))
    caches = (*_CACHES, Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "colabfold")
    named = os.environ.get(VARIABLE, "")
    places = [
        Path(folder),
        *(_of_table(Path(named)) if named.endswith(".loc") else [Path(named)] if named else []),
        *caches,
    ]
    for place in places:
        if (found := _in(place)) is not None:
            return Weights(_whole(found), str(found))
    raise FoldError(
        f"AlphaFold2's weights are not here. Looked at: {', '.join(map(str, places))}.",
        _WAYS,
    )


def download(folder: str | Path = FOLDER, remote: fetching.Remote | None = None) -> Weights:
    """Fetch the archive (3.7 GB) and unpack it; what broke off goes on in the next call.

    `remote` is another archive than DeepMind's. Size and checksum are compared with what its server announces.

    Raises
    ------
    TransferError, TransferIncomplete, HashMismatch, DiskFull
        See `nebulab.fetching.fetch`.
    FoldError
        The archive is not the one that was expected.
    """
    target = Path(folder)
    if (found := _in(target)) is not None:
        return Weights(_whole(found), str(found))
    remote = remote or fetching.announced(ARCHIVE)
    archive = fetching.fetch(remote, target / remote.address.rpartition("/")[2], _Shown())
    made = unpack(archive, target)
    archive.unlink()
    return made


def unpack(archive: str | Path, folder: str | Path = FOLDER) -> Weights:
    """Take the five files out of the archive into `folder`; a file is there only once it is whole.

    Raises
    ------
    FoldError
        It is no archive, lacks some, or the disk has too little room.
    """
    target = Path(folder) / "params"
    target.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            members = {name: member for member in tar.getmembers() if (name := Path(member.name).name) in NAMES}
            _require_room(target, sum(member.size for member in members.values()))
            for name, member in members.items():
                file = tar.extractfile(member) if member.isfile() else None
                if file is not None:
                    part = target / f"{name}.part"
                    with part.open("wb") as out:
                        shutil.copyfileobj(file, out, 2**20)
                    part.replace(target / name)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise FoldError(f"{archive} can't be unpacked ({error}).", "Delete it, and fetch it again.") from error
    missing = [name for name in NAMES if not (target / name).is_file()]
    if missing:
        raise FoldError(
            f"{archive} has no {', '.join(missing)}.",
            f"The archive for single chains is {ARCHIVE.rpartition('/')[2]}.",
        )
    return Weights(_whole(target), str(target))


def for_colabfold(weights: Weights, folder: Path) -> Path:
    """Return a folder as ColabFold reads it, `params/…`, made of links: the weights' own may be read-only."""
    params = folder / "params"
    params.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (params / name).unlink(missing_ok=True)
        (params / name).symlink_to((weights.folder / name).resolve())
    return folder


_WAYS = f"""Three ways to get them:
1. A folder on this server that has them: weights = "/its/path". Who runs the server can name it for all sessions, by
   the variable {VARIABLE}.
2. Galaxy's data table: weights = "/…/tool-data/{TABLE}".
3. Download them here, 3.7 GB: fold.weights.download(). Or have Galaxy fetch the archive into your history, once for all
   sessions, and write weights = history["alphafold_params_2021-07-14.tar"].path.
weights = "random" shows all steps within two minutes; its structures mean nothing."""


def _given(where: Path, folder: Path) -> Weights:
    where = where.expanduser()
    if not where.exists():
        raise FoldError(f"There is no {str(where)!r} here.", _WAYS)
    if where.is_dir():
        places = [where]
    elif where.suffix == ".loc":
        places = _of_table(where)
    elif tarfile.is_tarfile(where):
        found = _in(folder)
        return Weights(_whole(found), str(found)) if found is not None else unpack(where, folder)
    else:
        raise FoldError(f"{where} is neither a folder, nor a data table (.loc), nor a tar archive.", _WAYS)
    for place in places:
        if (found := _in(place)) is not None:
            return Weights(_whole(found), str(found))
    raise FoldError(f"{', '.join(map(str, places)) or where} has no {NAMES[0]}.", _WAYS)


def _of_table(table: Path) -> list[Path]:
    """Return the folders that a data table names, the newest version first; its columns are value, name and path.

    Raises
    ------
    FoldError
        It can't be read, or names none.
    """
    try:
        lines = table.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FoldError(f"The data table {table} can't be read ({error}).", _WAYS) from error
    rows = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    folders = [(row[0], Path(row[2].strip())) for row in rows if len(row) >= 3]
    if not folders:
        raise FoldError(
            f"The data table {table} names no folder.", "A line has value, name and path, with tabulators between them."
        )
    return [folder for _, folder in sorted(folders, key=lambda row: _version(row[0]), reverse=True)]


def _version(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def _in(place: Path) -> Path | None:
    """Return the folder with the five files: `place` itself, its `params`, or that of its newest version."""
    return next((folder for folder in _candidates(place) if all((folder / name).is_file() for name in NAMES)), None)


def _candidates(place: Path) -> Iterator[Path]:
    for pattern in _FOLDERS:
        try:
            found = (
                sorted(place.glob(pattern), key=lambda path: _version(str(path)), reverse=True) if pattern else [place]
            )
        except OSError:
            found = []
        yield from found


def _whole(folder: Path) -> Path:
    for name in NAMES:
        # The directory of a zip file, which an .npz is, stands at its end.
        if not zipfile.is_zipfile(folder / name):
            raise FoldError(f"{folder / name} is broken: it has no end.", "Delete it, and bring the weights anew.")
    return folder


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise FoldError(f"{needed:,} bytes are to be unpacked, and {free:,} are free in {folder}.", "Delete something.")


class _Shown:
    """A line that says how far a download is, at most once for each percent."""

    def __init__(self) -> None:
        self._shown = -1

    def __call__(self, done: int, total: int) -> None:
        percent = done * 100 // max(total, 1)
        if percent != self._shown:
            self._shown = percent
            print(
                f"\r{done / 1e6:,.0f} of {total / 1e6:,.0f} MB ({percent} %)",
                end="\n" if done >= total else "",
                flush=True,
            )
