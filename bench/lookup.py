"""Look-up: finding and fetching 5 small datasets in a history of 1,000, against the predecessor's helper library."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from bench.table import Row
from nebulab.develop.environments import locked_environment

COUNT = 1000
WANTED = 5
_GOAL = 20
_PER_REQUEST = 100
_ROUNDS = 3
_ATTEMPTS = 5
_PATTERN = rf"wanted [1-{WANTED}]\.tsv"

_OURS = """
import sys, time
began = time.monotonic()
from nebulab.kernel import get
paths = get(sys.argv[1], identifier_type="regex")
assert len(paths) == 5, paths
print(time.monotonic() - began)
"""

# The predecessor writes below /import alone, which a machine need not have: its downloads are redirected.
_THEIRS = """
import sys, time
began = time.monotonic()
import galaxy_ie_helpers
plain = galaxy_ie_helpers.DatasetClient.download_dataset
def elsewhere(self, dataset, file_path, **options):
    return plain(self, dataset, file_path=file_path.removeprefix("/import/"), **options)
galaxy_ie_helpers.DatasetClient.download_dataset = elsewhere
paths = galaxy_ie_helpers.get(sys.argv[1], identifier_type="regex")
assert len(paths) == 5, paths
print(time.monotonic() - began)
"""


def measure(url: str, key: str, work: Path) -> list[Row]:
    """Fill a history, then let each side find its five datasets by a pattern and fetch them, with an empty cache."""
    with httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=300) as client:
        history = client.post("/api/histories", json={"name": "bench look-up"}).raise_for_status().json()["id"]
        _fill(client, history)
        python = locked_environment(Path(__file__).with_name("helpers.txt"), work / "helpers")
        variables = {"GALAXY_URL": url, "API_KEY": key, "HISTORY_ID": history, "GALAXY_WEB_PORT": "80"}
        ours = min(_run(sys.executable, _OURS, variables, work / f"ours-{turn}") for turn in range(_ROUNDS))
        theirs = _run(str(python), _THEIRS, variables, work / "theirs")
        client.request("DELETE", f"/api/histories/{history}", json={"purge": True})
    return [Row.faster(f"{WANTED} of {COUNT:,} datasets", ours, theirs, "galaxy_ie_helpers 0.3.0", goal=_GOAL)]


def _fill(client: httpx.Client, history: str) -> None:
    names = [f"wanted {number}.tsv" for number in range(1, WANTED + 1)]
    names += [f"other {number}.tsv" for number in range(COUNT - WANTED)]
    for start in range(0, COUNT, _PER_REQUEST):
        elements = [
            {"src": "pasted", "paste_content": "a\tb\n1\t2\n", "name": name, "ext": "tabular"}
            for name in names[start : start + _PER_REQUEST]
        ]
        target = {"destination": {"type": "hdas"}, "elements": elements}
        _fetch(client, {"history_id": history, "targets": [target]})
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        answer = client.get(f"/api/histories/{history}", params={"keys": "state_details"})
        details = answer.raise_for_status().json()["state_details"]
        if details["ok"] == COUNT:
            return
        time.sleep(2)
    raise RuntimeError(f"Galaxy did not take in {COUNT} datasets: {details}")


def _fetch(client: httpx.Client, payload: dict[str, Any]) -> None:
    for _attempt in range(_ATTEMPTS):
        answer = client.post("/api/tools/fetch", json=payload)
        if answer.is_success:
            return
        # Galaxy's own jobs may hold the lock of its SQLite database.
        time.sleep(10)
    raise RuntimeError(f"Galaxy does not take in the datasets: {answer.text}")


def _run(python: str, code: str, variables: dict[str, str], folder: Path) -> float:
    """Run one side in a fresh process and folder; return the seconds it took, its imports included."""
    folder.mkdir()
    # The predecessor calls netstat for a container's gateway, which it does not use where the address is given.
    netstat = folder / "netstat"
    netstat.write_text("#!/bin/sh\n")
    netstat.chmod(0o755)
    everything = os.environ | variables | {"PATH": f"{folder}:{os.environ['PATH']}", "NEBULAB_CACHE": str(folder)}
    finished = subprocess.run(
        [python, "-W", "ignore", "-c", code, _PATTERN],
        cwd=folder,
        env=everything,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(finished.stdout.splitlines()[-1])
