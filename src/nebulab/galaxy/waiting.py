"""Waiting until Galaxy is done with a dataset or a job; runs everywhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from nebulab.errors import DatasetFailed, DatasetNotReady, TransferIncomplete
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.contents import FAILED_STATES, PAUSED_STATES, READY_STATES, Item, show_item

_FIRST_INTERVAL_SECONDS = 0.1
_LONGEST_INTERVAL_SECONDS = 5.0
_SHARE = 0.1
_LOST = "killed when Galaxy was restarted"
JOB_ENDED = frozenset({"ok", "error", "deleted", "deleting", "failed", "stopped", "paused", "skipped"})


def wait_until(probe: Callable[[], Any], timeout: float | None) -> Any:
    """Ask `probe`, less and less often, until it returns something; return that, or None after `timeout` seconds."""
    began = time.monotonic()
    ends = None if timeout is None else began + timeout
    while True:
        answer = probe()
        if answer is not None:
            return answer
        now = time.monotonic()
        # What takes long may be told a little later: a share of the time that it has taken.
        interval = min(max(_FIRST_INTERVAL_SECONDS, (now - began) * _SHARE), _LONGEST_INTERVAL_SECONDS)
        left = interval if ends is None else ends - now
        if left <= 0:
            return None
        time.sleep(min(interval, left))


def wait_for_item(galaxy: Galaxy, item: Item, timeout: float | None = None) -> Item:
    """Return the dataset or collection once its content can be read.

    Raises
    ------
    DatasetFailed, QuotaExceeded
        It will not become ready.
    DatasetNotReady
        It is not ready after `timeout` seconds.
    """
    latest = item

    def settled() -> Item | None:
        nonlocal latest
        latest = show_item(galaxy, item)
        return latest if latest.state in READY_STATES | FAILED_STATES | PAUSED_STATES or latest.purged else None

    wait_until(settled, timeout)
    latest.check_ready()
    return latest


def verify_upload(item: Item, size: int) -> None:
    """Raise TransferIncomplete unless the dataset has the size in bytes of the file that was sent."""
    if item.size != size:
        raise TransferIncomplete(
            f"{item.name} has {size} bytes here, but {item.size} in Galaxy.",
            "Upload it again; the datatype that you named, or that Galaxy found, may change its content.",
        )


def wait_for_job(galaxy: Galaxy, job_id: str, timeout: float | None = None) -> dict[str, Any]:
    """Return the job once it ended, in whatever state.

    Raises
    ------
    DatasetNotReady
        It has not ended after `timeout` seconds.
    """

    def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = galaxy.get(f"jobs/{job_id}", full=True)
        return job if job["state"] in JOB_ENDED else None

    job: dict[str, Any] | None = wait_until(ended, timeout)
    if job is None:
        raise DatasetNotReady(f"The job {job_id} has not ended after {timeout:.0f} s.", "It goes on in Galaxy.")
    return job


def job_failure(galaxy: Galaxy, job: dict[str, Any]) -> DatasetFailed:
    """Return the error that tells why a job failed, with the end of what it wrote."""
    told = [message.get("desc", "") for message in job.get("job_messages") or []]
    told += [(job.get("tool_stderr") or job.get("stderr") or "").strip()[-1500:]]
    if job["state"] == "paused":
        told.append("Galaxy paused it: an input failed or was deleted, or your storage is full.")
    text = "\n".join(part for part in told if part) or _told_beside(galaxy, job) or "It wrote no message."
    code = job.get("exit_code")
    ended = f"ended in state {job['state']}" + (f" (exit code {code})" if code is not None else "")
    hint = "Its details in Galaxy tell more."
    if _LOST in text:
        hint = "It may still run, and then brings its results into the history by itself. Look there before you repeat."
    return DatasetFailed(f"The job {job['id']} of {job['tool_id']} {ended}.\n{text}", hint)


def _told_beside(galaxy: Galaxy, job: dict[str, Any]) -> str:
    """What Galaxy, or the rules that choose a destination, say of a job that never spoke stands at its outputs only."""
    for one in (job.get("outputs") or {}).values():
        return str(galaxy.get(f"datasets/{one['id']}").get("misc_info") or "").strip()
    return ""
