"""Jobs: seconds of Galaxy's jobs on two stacks in turn, with the worker and without it (or with an older
checkout)."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from bench import sessions
from bench.table import Row
from bench.training import nothing, until_ended

AT_ONCE = 20
_POLL_SECONDS = 0.05

# Runs with the code of the measured checkout, which sends and waits; prints the seconds.
_IN_A_NOTEBOOK = """
import sys, time
from pathlib import Path
from nebulab.kernel import history  # as notebooks have it in every version

what, folder = sys.argv[1], Path(sys.argv[2])
repr(history)
began = time.perf_counter()
if what == "put":
    history.put("a\\tb\\n1\\t2\\n", name="row.txt")
else:
    script = folder / "empty.py"
    script.write_text("pass\\n")
    history.train(script).wait(600)
print(time.perf_counter() - began)
"""


@dataclass(frozen=True)
class Side:
    """One stack: the checkout that it runs from, its data folder, its address and its user's key."""

    checkout: Path
    data_dir: Path
    url: str
    key: str


def measure(new: Side, old: Side, work: Path, rounds: int, whom: str) -> list[Row]:
    """Do the same on both stacks in turn, `rounds` times, and compare the medians."""
    kinds: dict[str, tuple[Callable[[Side, Path], float], int, float]] = {
        "a job that does nothing": (_no_op, rounds, 0.2),
        "an upload of two lines": (_upload, rounds, 0.15),
        "`put` of one row": (lambda side, work: _notebook("put", side, work), rounds, 0.2),
        "a training that does nothing": (lambda side, work: _notebook("train", side, work), rounds, 0.4),
        f"{AT_ONCE} uploads at once": (_uploads, 1, 0.3),
        "a session's stop, to its outputs": (_stop, rounds, 1.0),
    }
    first = {side: _upload(side, work) for side in (new, old)}
    rows = []
    for what, (do, times, goal) in kinds.items():
        taken: dict[Side, list[float]] = {new: [], old: []}
        for number in range(times + 1):
            for side in (new, old):
                seconds = do(side, work)
                if number:  # the first round warms both up
                    taken[side].append(seconds)
        medians = {side: statistics.median(seconds) for side, seconds in taken.items()}
        print(f"{what}: {taken[new]} against {taken[old]}", file=sys.stderr)
        rows.append(Row.at_most(what, medians[new], medians[old], "s", whom, goal=goal))
        if do is _upload:
            later = medians[new]
            rows.append(Row.at_most("the first upload after the start", first[new], later, "s", "later ones", goal=1.5))
    rows.append(Row.at_most("memory of the idle stack", _memory(new), _memory(old), "MiB", whom, goal=1.5))
    return rows


def _client(side: Side) -> httpx.Client:
    return httpx.Client(base_url=side.url, headers={"x-api-key": side.key}, timeout=120)


def _history(client: httpx.Client) -> str:
    return str(client.post("/api/histories", json={"name": "bench jobs"}).raise_for_status().json()["id"])


def _no_op(side: Side, work: Path) -> float:
    with _client(side) as client:
        return nothing(client, _history(client), _POLL_SECONDS)


def _send(client: httpx.Client, history: str) -> str:
    element = {"src": "pasted", "paste_content": "a\tb\n1\t2\n", "name": "two lines", "ext": "auto"}
    payload = {"history_id": history, "targets": [{"destination": {"type": "hdas"}, "elements": [element]}]}
    return str(client.post("/api/tools/fetch", json=payload).raise_for_status().json()["jobs"][0]["id"])


def _upload(side: Side, work: Path) -> float:
    with _client(side) as client:
        history = _history(client)
        began = time.perf_counter()
        until_ended(client, _send(client, history), _POLL_SECONDS)
        return time.perf_counter() - began


def _uploads(side: Side, work: Path) -> float:
    with _client(side) as client:
        history = _history(client)
        began = time.perf_counter()
        for job in [_send(client, history) for _ in range(AT_ONCE)]:
            until_ended(client, job, _POLL_SECONDS)
        return time.perf_counter() - began


def _notebook(what: str, side: Side, work: Path) -> float:
    with _client(side) as client:
        history = _history(client)
    variables = {
        "PATH": f"{side.checkout / '.venv' / 'bin'}:/usr/bin:/bin",
        "GALAXY_URL": side.url,
        "API_KEY": side.key,
        "HISTORY_ID": history,
        "NEBULAB_CACHE": str(work / "cache"),
    }
    python = side.checkout / ".venv" / "bin" / "python"
    command = [str(python), "-c", _IN_A_NOTEBOOK, what, str(work)]
    done = subprocess.run(command, env=variables, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.splitlines()[-1])


def _stop(side: Side, work: Path) -> float:
    galaxy = sessions.Galaxy(side.url, side.key)
    with galaxy.session(sessions.OURS) as opened:
        opened.start_kernel()
        # The session has written its outputs once; and Galaxy looks for stops once a second, at no moment of ours.
        time.sleep(3 + random.random())
        began = time.perf_counter()
        galaxy.http.delete(f"/api/entry_points/{opened.entry_point}").raise_for_status()
        until_ended(galaxy.http, opened.job, _POLL_SECONDS)
        return time.perf_counter() - began


def _memory(side: Side) -> float:
    """Return the memory of a stack's parts in MiB, pages that processes share counted once."""
    parts = json.loads((side.data_dir / "run" / "state.json").read_text())["parts"]
    total = 0
    for part in parts:
        process = psutil.Process(part["pid"])
        for one in (process, *process.children(recursive=True)):
            if one.pid == process.pid or part["name"] != "supervisor":
                total += one.memory_full_info().pss
    return total / 2**20
