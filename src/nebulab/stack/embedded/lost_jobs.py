"""Lost jobs: those whose end Galaxy could not note and shows as running until its next start; runs in the supervisor.

Galaxy writes a job's end into its database once. When that fails (no room on the disk), the thread that looked after
the job is done with it, and nothing in Galaxy looks again. Here a job counts as lost that is running by the database,
whose process group is gone, and in whose folder nothing has changed for a while. One that Galaxy still collects from
then is not harmed: Galaxy's own end of it comes later, and counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from nebulab.stack.settings import StackSettings

_LONGEST_PAUSE = 60.0
_BUSY_SECONDS = 10
_FAIL_SECONDS = 120
_MESSAGE = (
    "Galaxy could not note this job's end: the disk was full, or its database did not answer. The job's outputs were "
    "not collected. Free some space, then run it again."
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Running:
    """A job that runs by Galaxy's database, and the process group that Galaxy started for it."""

    number: int
    pid: int


class LostJobs:
    """Looks for lost jobs of a stack with `settings`, and fails them."""

    def __init__(self, settings: StackSettings) -> None:
        self._settings = settings
        self._silent_seconds = 60 * settings.stuck_minutes
        self._gone: dict[Running, float] = {}

    async def keep(self) -> None:
        """Look for ever; a look that fails is logged once, with its traceback, and tried again."""
        last = ""
        while True:
            try:
                await asyncio.to_thread(self.look)
                last = ""
            except Exception as error:
                # One bad look must not end the stack.
                if repr(error) != last:
                    log.warning("lost jobs could not be looked for; it is tried again", exc_info=error)
                last = repr(error)
            await asyncio.sleep(min(_LONGEST_PAUSE, self._silent_seconds / 4))

    def look(self) -> None:
        """Fail the jobs that are lost.

        Raises
        ------
        sqlite3.Error, OSError, subprocess.SubprocessError
            The database can't be read, or the program that fails a job did not do so.
        """
        now = time.time()
        gone = {job for job in running(self._settings.database) if not _is_alive(job.pid)}
        self._gone = {job: self._gone.get(job, now) for job in gone}
        errors: list[Exception] = []
        for job, since in self._gone.items():
            folder = self._folder(job)
            if now - max(since, last_change(folder)) > self._silent_seconds:
                try:
                    self._fail(job, folder)
                except (OSError, subprocess.SubprocessError) as error:
                    errors.append(error)
        if errors:
            raise errors[0]

    def _folder(self, job: Running) -> Path:
        return self._settings.galaxy_dir.joinpath("jobs_directory", *_thousands(job.number), str(job.number))

    def _fail(self, job: Running, folder: Path) -> None:
        python = self._settings.environment("galaxy") / "bin" / "python"
        program = self._settings.checkout / "deploy" / "galaxy" / "fail_job.py"
        ended = subprocess.run(
            [python, program, self._settings.database_url, str(job.number), str(job.pid), _MESSAGE],
            capture_output=True,
            text=True,
            timeout=_FAIL_SECONDS,
            check=False,
        )
        if ended.returncode:
            raise subprocess.SubprocessError(f"job {job.number} could not be told as failed: {ended.stderr.strip()}")
        if ended.stdout.strip() == "failed":
            log.warning(
                "Galaxy lost job %d, which has ended; it is failed now. Its files are in %s", job.number, folder
            )


def running(database: Path) -> list[Running]:
    """Return the jobs that run by Galaxy's `database`."""
    if not database.exists():
        return []
    with contextlib.closing(
        sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
    ) as connection:
        rows = connection.execute(
            "SELECT id, job_runner_external_id FROM job WHERE state = 'running' AND job_runner_name = 'local'"
        ).fetchall()
    return [Running(number, int(pid)) for number, pid in rows if pid and str(pid).isdigit()]


def _thousands(number: int) -> list[str]:
    """Return the folders between all jobs' and that of job `number` (galaxy.util.directory_hash_id)."""
    text = str(number)
    if number < 1000:
        return ["000"]
    text = "0" * (3 - len(text) % 3) + text
    return [text[at : at + 3] for at in range(0, len(text) - 3, 3)]


def last_change(folder: Path) -> float:
    """Return when something in `folder` changed last, in seconds since 1970; 0 where there is nothing."""
    newest = 0.0
    for place, _, files in os.walk(folder):
        for name in ("", *files):
            with contextlib.suppress(OSError):
                newest = max(newest, os.lstat(os.path.join(place, name)).st_ctime)  # noqa: PTH118 - of many files
    return newest


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
