"""What a portal's process leaves on the disk is its own user's, whatever the shell that started it allowed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from support import portal
from support.fake_accounts import KEY, FakeAccounts


def test_all_that_it_writes_is_its_owners_alone(galaxy: FakeAccounts, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with portal.running(tmp_path / "new", galaxy.url, KEY) as started:
            umask = next(
                line.split()[1]
                for line in Path(f"/proc/{started.process.pid}/status").read_text().splitlines()
                if line.startswith("Umask:")
            )
            found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    finally:
        os.umask(before)
    assert umask == "0077"
    assert {"portal.sqlite", "portal.sqlite-wal", "settings.json", "galaxy-key"} <= set(found)
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
