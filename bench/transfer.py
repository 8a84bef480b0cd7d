"""Transfer: `get` and `put` of one large dataset against curl on the same URLs, in turn; the best round counts."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

from bench.table import Row

SIZE = 1 << 30
ROUNDS = 5
_SPEED_GOAL = 0.9
_MEMORY_GOAL_MB = 100

# Ours runs in a process of its own, so that its memory can be measured; it prints seconds and megabytes.
_OURS = """
import json, re, sys, time
from pathlib import Path
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.download import download
from nebulab.galaxy.settings import GalaxySettings
from nebulab.galaxy.upload import Upload, upload

what, url, key, path, which = json.load(sys.stdin)
galaxy = Galaxy(GalaxySettings(url, key))
galaxy.get("version")
began = time.monotonic()
made = None
if what == "get":
    download(galaxy, which, Path(path))
else:
    made = upload(galaxy, which, Upload(Path(path), ext="binary")).id
seconds = time.monotonic() - began
# Unlike the figure of getrusage, this one does not begin with that of the process before.
memory = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024 / 1e6
print(json.dumps([seconds, memory, made]))
"""


def measure(url: str, key: str, work: Path) -> list[Row]:
    """Put and get a file of random bytes, ours and curl's in turn, after a round that warms both up."""
    file = work / "large.bin"
    with file.open("wb") as opened:
        for _ in range(SIZE >> 20):
            opened.write(os.urandom(1 << 20))
    with httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=60) as client:
        history = client.post("/api/histories", json={"name": "bench transfer"}).raise_for_status().json()["id"]
        puts, dataset, put_memory = _puts(client, key, history, file)
        gets, get_memory = _gets(client, key, dataset, work / "got.bin")
        client.request("DELETE", f"/api/histories/{history}", json={"purge": True})
    file.unlink()
    memory = max(put_memory, get_memory)
    return [
        _speed("get of 1 GiB", *gets),
        _speed("put of 1 GiB", *puts),
        Row.figure("memory of get and put", memory, "MB", goal=_MEMORY_GOAL_MB),
    ]


def _speed(what: str, ours: float, theirs: float) -> Row:
    return Row.at_least(what, SIZE / ours / 1e6, SIZE / theirs / 1e6, "MB/s", "curl", goal=_SPEED_GOAL)


def _ours(what: str, client: httpx.Client, key: str, path: Path, which: str) -> tuple[float, float, str]:
    order = json.dumps([what, str(client.base_url), key, str(path), which])
    finished = subprocess.run([sys.executable, "-c", _OURS], input=order, stdout=subprocess.PIPE, text=True, check=True)
    seconds, memory, made = json.loads(finished.stdout)
    return seconds, memory, made


def _curl(key: str, *arguments: str) -> float:
    """Run curl with the key in its configuration, where no list of processes shows it; return the seconds."""
    began = time.monotonic()
    subprocess.run(
        ["curl", "--fail", "--silent", "--show-error", "--config", "-", *arguments],
        input=f'header = "x-api-key: {key}"\n',
        text=True,
        check=True,
    )
    return time.monotonic() - began


def _settle() -> None:
    """Flush pending writes (sync), which would slow down the next measurement."""
    subprocess.run(["sync"], check=True)


def _puts(client: httpx.Client, key: str, history: str, file: Path) -> tuple[tuple[float, float], str, float]:
    ours, theirs, memory, dataset = [], [], 0.0, ""
    for _ in range(ROUNDS):
        _settle()
        seconds, made = _curl_put(client, key, history, file)
        theirs.append(seconds)
        _wait(client, made)
        _purge(client, made)
        _settle()
        seconds, used, made = _ours("put", client, key, file, history)
        ours.append(seconds)
        memory = max(memory, used)
        if dataset:
            _purge(client, dataset)
        dataset = made
        # Galaxy's own work on the dataset would slow down the next measurement.
        _wait(client, dataset)
    return (min(ours[1:]), min(theirs[1:])), dataset, memory


def _curl_put(client: httpx.Client, key: str, history: str, file: Path) -> tuple[float, str]:
    """Put the file with the requests that ours needs too, of which curl makes the large one."""

    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    tus = {"Tus-Resumable": "1.0.0"}
    named = {"Upload-Metadata": f"filename {encoded(file.name)},filetype {encoded('application/octet-stream')}"}
    began = time.monotonic()
    created = client.post("/api/upload/resumable_upload", headers=tus | named | {"Upload-Length": str(SIZE)})
    location = created.raise_for_status().headers["location"]
    _curl(
        key,
        *("-X", "PATCH", "-T", str(file), "-H", "Tus-Resumable: 1.0.0", "-H", "Upload-Offset: 0"),
        *("-H", "Content-Type: application/offset+octet-stream", "-H", "Expect:", location),
    )
    element = {"src": "files", "ext": "binary", "name": file.name, "to_posix_lines": False}
    payload = {
        "history_id": history,
        "targets": [{"destination": {"type": "hdas"}, "elements": [element]}],
        "files_0|file_data": {"session_id": location.rpartition("/")[2], "name": file.name},
    }
    fetched = client.post("/api/tools/fetch", json=payload).raise_for_status().json()
    return time.monotonic() - began, fetched["outputs"][0]["id"]


def _gets(client: httpx.Client, key: str, dataset: str, target: Path) -> tuple[tuple[float, float], float]:
    ours, theirs, memory = [], [], 0.0
    for _ in range(ROUNDS):
        _settle()
        theirs.append(_curl(key, "-o", str(target), f"{client.base_url}/api/datasets/{dataset}/display?to_ext=data"))
        target.unlink()
        _settle()
        seconds, used, _made = _ours("get", client, key, target, dataset)
        ours.append(seconds)
        memory = max(memory, used)
        target.unlink()
    return (min(ours[1:]), min(theirs[1:])), memory


def _wait(client: httpx.Client, dataset: str) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        state = client.get(f"/api/datasets/{dataset}").raise_for_status().json()["state"]
        if state == "ok":
            return
        if state == "error":
            break
        time.sleep(1)
    raise RuntimeError(f"the dataset that was put is in state {state}")


def _purge(client: httpx.Client, dataset: str) -> None:
    client.request("DELETE", f"/api/datasets/{dataset}", json={"purge": True})
