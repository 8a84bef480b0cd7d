"""Polling Galaxy until a dataset or a job is ready; runs everywhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from nebulab.errors import DatasetFailed, DatasetLost, DatasetNotReady, GalaxyError, TransferIncomplete
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.contents import FAILED_STATES, LOST, LOST_HINT, PAUSED_STATES, READY_STATES, Item, show_item

_FIRST_INTERVAL_SECONDS = 0.1
_LONGEST_INTERVAL_SECONDS = 5.0
_SHARE = 0.1
_JOB_SECONDS = 5.0
"""How long to wait for an item before its job is asked for too, and again until that is believed."""
_JOB_FAILED = frozenset({"error", "deleted", "deleting", "failed", "stopped"})
Seen = Callable[[str], None]
"""Called with each state that was seen while waiting."""
JOB_ENDED = frozenset({"ok", "error", "deleted", "deleting", "failed", "stopped", "paused", "skipped"})


def wait_until(probe: Callable[[], Any], timeout: float | None) -> Any:
    """Call `probe`, less and less often, until it returns a value; return that, or None after `timeout` seconds."""
    began = time.monotonic()
    deadline = None if timeout is None else began + timeout
    while True:
        answer = probe()
        if answer is not None:
            return answer
        now = time.monotonic()
        # The interval grows with the time waited, of which it is a share.
        interval = min(max(_FIRST_INTERVAL_SECONDS, (now - began) * _SHARE), _LONGEST_INTERVAL_SECONDS)
        remaining = interval if deadline is None else deadline - now
        if remaining <= 0:
            return None
        time.sleep(min(interval, remaining))


def wait_for_item(galaxy: Galaxy, item: Item, timeout: float | None = None, *, seen: Seen | None = None) -> Item:
    """Return the dataset or collection once its content can be read; `seen` gets its states until then.

    Its job is watched too: a Galaxy that ends while the job runs forgets the collection that it was to make, which then
    stays "new".

    Raises
    ------
    DatasetFailed, DatasetLost, QuotaExceeded
        It will not become ready.
    DatasetNotReady
        It is not ready after `timeout` seconds.
    """
    latest = item
    job_asked, job_failed = time.monotonic(), False

    def settled() -> Item | None:
        nonlocal latest, job_asked, job_failed
        latest = show_item(galaxy, item)
        if seen is not None:
            seen(latest.state)
        if latest.state in READY_STATES | FAILED_STATES | PAUSED_STATES or latest.purged:
            return latest
        if latest.job_id and time.monotonic() - job_asked >= _JOB_SECONDS:
            state = _job_state(galaxy, latest.job_id)
            if job_failed and state in _JOB_FAILED:
                label = f"{latest.hid}: {latest.name}"
                raise DatasetLost(f"{label} is lost: its job ended in state {state}.", LOST_HINT)
            job_asked, job_failed = time.monotonic(), state in _JOB_FAILED
        return None

    wait_until(settled, timeout)
    latest.check_ready()
    return latest


def _job_state(galaxy: Galaxy, job_id: str) -> str:
    """Return a job's state, nothing if it is another user's, who shares its datasets."""
    try:
        return str(galaxy.get(f"jobs/{job_id}")["state"])
    except GalaxyError:
        return ""


def verify_upload(item: Item, size: int) -> None:
    """Raise TransferIncomplete unless the dataset has the size in bytes of the file that was sent."""
    if item.size != size:
        raise TransferIncomplete(
            f"{item.name} has {size} bytes here, but {item.size} in Galaxy.",
            "Upload it again; the datatype that you named, or that Galaxy found, may change its content.",
        )


def wait_for_job(
    galaxy: Galaxy, job_id: str, timeout: float | None = None, *, seen: Seen | None = None
) -> dict[str, Any]:
    """Return the job once it has ended, in any state; `seen` gets its states until then.

    Raises
    ------
    DatasetNotReady
        It has not ended after `timeout` seconds.
    """

    def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = galaxy.get(f"jobs/{job_id}", full=True)
        if seen is not None:
            seen(job["state"])
        return job if job["state"] in JOB_ENDED else None

    job: dict[str, Any] | None = wait_until(ended, timeout)
    if job is None:
        raise DatasetNotReady(f"The job {job_id} has not ended after {timeout:.0f} s.", "It goes on in Galaxy.")
    return job


def job_failure(galaxy: Galaxy, job: dict[str, Any]) -> DatasetFailed:
    """Return the error for a failed job, with Galaxy's messages and the end of its stderr."""
    messages = [message.get("desc", "") for message in job.get("job_messages") or []]
    messages += [(job.get("tool_stderr") or job.get("stderr") or "").strip()[-1500:]]
    if job["state"] == "paused":
        messages.append("Galaxy paused it: an input failed or was deleted, or your storage is full.")
    text = "\n".join(message for message in messages if message) or _output_info(galaxy, job) or "It wrote no message."
    code = job.get("exit_code")
    ended = f"ended in state {job['state']}" + (f" (exit code {code})" if code is not None else "")
    hint = "Its details in Galaxy tell more."
    if LOST in text:
        hint = "It may still run, and then brings its results into the history by itself. Look there before you repeat."
    return DatasetFailed(f"The job {job['id']} of {job['tool_id']} {ended}.\n{text}", hint)


def _output_info(galaxy: Galaxy, job: dict[str, Any]) -> str:
    """Return the info of the first output: the only place for the message of a job that failed before it started."""
    for output in (job.get("outputs") or {}).values():
        return str(galaxy.get(f"datasets/{output['id']}").get("misc_info") or "").strip()
    return ""
