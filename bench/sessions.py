"""Sessions: against a tool that only starts bare `jupyter lab`, on the same Galaxy, in turn; time and memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil

from bench.table import Row
from nebulab.session.kernels.forking import LINGER_SECONDS

OURS = "interactive_tool_ml_jupyter_notebook"
BARE = "interactive_tool_bare_jupyterlab"
MIB = 1024 * 1024


@dataclass
class Opened:
    """A session that answered through the proxy: its job and entry point, its address with the token, the seconds until
    then, an HTTP client."""

    job: str
    entry_point: str
    target: str = field(repr=False)
    seconds: float
    client: httpx.Client = field(repr=False)

    def start_kernel(self) -> str:
        """Start a kernel, and return its id."""
        self.client.get("/lab")
        xsrf = {"X-XSRFToken": self.client.cookies.get("_xsrf") or ""}
        started = self.client.post("/api/kernels", json={}, headers=xsrf, timeout=120).raise_for_status()
        return str(started.json()["id"])


class Galaxy:
    """The few requests that a click in Galaxy makes."""

    def __init__(self, url: str, key: str) -> None:
        self.http = httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=120)
        self.history = self._json("POST", "/api/histories", json={"name": "bench"})["id"]

    def _json(self, method: str, path: str, **options: Any) -> Any:
        return self.http.request(method, path, **options).raise_for_status().json()

    @contextmanager
    def session(self, tool: str) -> Iterator[Opened]:
        """Request the tool, wait until `/lab` answers through the proxy, and stop the session in the end."""
        inputs = {"mode|mode_select": "scratch"} if tool == OURS else {}
        began = time.perf_counter()
        asked = {"tool_id": tool, "history_id": self.history, "inputs": inputs}
        job = self._json("POST", "/api/tools", json=asked)["jobs"][0]["id"]
        point = self._active(job)
        target = urlsplit(point["target"])
        # *.localhost resolves in browsers, not in Python: the proxy is asked by its address, the session by its name.
        client = httpx.Client(base_url=f"http://127.0.0.1:{target.port}", headers={"Host": target.netloc}, timeout=30)
        token = dict(part.split("=") for part in target.query.split("&") if part).get("token", "")
        while client.get("/lab", params={"token": token}).status_code != httpx.codes.OK:
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        try:
            yield Opened(job, point["id"], point["target"], seconds, client)
        finally:
            client.close()
            self._json("DELETE", f"/api/entry_points/{point['id']}")
            self._ended(job)

    def _active(self, job: str) -> dict[str, Any]:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for point in self._json("GET", "/api/entry_points", params={"job_id": job}):
                if point["active"]:
                    return dict(point)
            found = self._json("GET", f"/api/jobs/{job}", params={"full": True})
            if found["state"] in {"ok", "error"}:
                raise RuntimeError(f"the session's job ended at once: {found['stderr']}")
            time.sleep(0.05)
        raise TimeoutError(f"job {job} reported no entry point within two minutes")

    def _ended(self, job: str) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._json("GET", f"/api/jobs/{job}")["state"] in {"ok", "error", "deleted"}:
                return
            time.sleep(0.5)


def processes(job_folder: Path) -> list[psutil.Process]:
    """Return the processes below a job's command: those that work in its folder, and their descendants."""
    roots = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            inside = process.cwd().startswith(str(job_folder))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if inside and command and not Path(command[0]).name.startswith(("bash", "sh")):
            roots.append(process)
    found = {process.pid: process for process in roots}
    for process in roots:
        found |= {child.pid: child for child in process.children(recursive=True)}
    return list(found.values())


def memory(job_folder: Path) -> float:
    """Return the memory of a job's processes in MiB: proportional set size, so that shared pages count once."""
    total = 0
    for process in processes(job_folder):
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / MIB


def job_folders(data_dir: Path, since: float) -> list[Path]:
    """Return the working folders of the jobs that started at `since` (seconds of the epoch) or later, oldest first."""
    times = {folder: folder.stat().st_ctime for folder in (data_dir / "galaxy" / "jobs_directory").glob("*/*/working")}
    return sorted((folder for folder, made in times.items() if made >= since), key=lambda folder: times[folder])


def _launcher_seconds(job_folder: Path) -> float:
    """Return the seconds from the start of the session's process to the start of JupyterLab's."""
    begun: dict[str, float] = {}
    for process in sorted(processes(job_folder), key=lambda process: process.create_time()):
        command = " ".join(process.cmdline())
        for name, mark in (("session", "nebulab session"), ("server", "-m jupyterlab")):
            if mark in command:
                begun.setdefault(name, process.create_time())
    return begun["server"] - begun["session"]


def measure(url: str, key: str, data_dir: Path, rounds: int = 5) -> list[Row]:
    """Open a session and a bare JupyterLab in turn, `rounds` times, and compare their medians."""
    galaxy = Galaxy(url, key)
    seconds: dict[str, list[float]] = {OURS: [], BARE: []}
    held: dict[str, list[float]] = {OURS: [], BARE: []}
    launcher: list[float] = []
    forking: list[float] = []
    for round_number in range(rounds + 1):
        for tool in (OURS, BARE):
            started = time.time()
            with galaxy.session(tool) as opened:
                folder = job_folders(data_dir, started)[-1]
                if tool == OURS:
                    launcher.append(_launcher_seconds(folder))
                if round_number == 0:  # the first round warms the disk's cache and is not counted
                    continue
                seconds[tool].append(opened.seconds)
                if round_number <= 2:
                    opened.start_kernel()
                    time.sleep(10)  # until it is idle
                    if tool == OURS:
                        forking.append(memory(folder))
                        time.sleep(LINGER_SECONDS)
                    held[tool].append(memory(folder))
    click = {tool: statistics.median(values) for tool, values in seconds.items()}
    idle = {tool: statistics.median(values) for tool, values in held.items()}
    own = statistics.median(launcher[1:])
    print(
        f"A session with a kernel, in the minute in which another would be forked: {statistics.median(forking):.0f} MiB"
    )
    return [
        Row.at_most("click to usable Lab", click[OURS], click[BARE], "s", "bare jupyter lab", goal=1.15),
        Row.figure("the launcher's own work before JupyterLab's", own, "s", goal=0.3),
        Row.at_most(
            "memory of an idle session with one kernel", idle[OURS], idle[BARE], "MiB", "bare jupyter lab", goal=1.2
        ),
    ]
