"""The image: sizes of its layers, and of the wheels of variants that are too large to build here; its start against a
bare JupyterLab's without a container."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import httpx
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename
from rich.console import Console

from bench.table import Row
from nebulab.containers import building, images, walls
from nebulab.containers import engine as engines
from nebulab.containers.engine import Engine
from nebulab.errors import ImageError

BUILT = {"lab": 0.7, "cpu": 4.5}
"""Variants that are built, and the largest that each may be unpacked, in GB."""
LARGEST_CHANGE_MB = 5.0
LONGEST_START = 1.1

_SMALLEST_ENVIRONMENT = 20e6
_PYTHON = (3, 11)
_OLDEST_GLIBC, _NEWEST_GLIBC = 5, 36
_SECONDS = 120.0
_MEMORY_MB = 4096
_PORT = 18889
_TOKEN = "bench"


def measure(root: Path, bare: Path, rounds: int) -> list[Row]:
    """Return the rows; `bare` is the Python of an environment with nothing but JupyterLab.

    Variants that are not there yet are built, which takes minutes.
    """
    engine = engines.find()
    rows = []
    for variant, goal in BUILT.items():
        tag = f"nebulab:{variant}"
        try:
            images.variant_of(engine, tag)
        except ImageError:
            base = building.BOOTSTRAP if engine.name == "podman" else None
            building.build(root, Console(stderr=True), engine=engine, variant=variant, tag=tag, base=base)
        layers = images.layers(engine, tag)
        for size, made_by in layers:
            print(f"{tag} {size / 1e6:8.1f} MB  {made_by[:100]}", file=sys.stderr)
        rows.append(Row.figure(f"{tag}, unpacked", sum(size for size, _ in layers) / 1e9, "GB", goal=goal))
        sizes = compressed(engine, tag)
        ours = pulled_with_a_change(sizes) or sum(size for size, _ in images.own(layers))
        rows.append(Row.figure(f"{tag}, pulled with a change of our code", ours / 1e6, "MB", goal=LARGEST_CHANGE_MB))
        print(
            f"{tag} compressed: {[round(size / 1e6, 1) for size in sizes]}, {sum(sizes) / 1e9:.2f} GB", file=sys.stderr
        )
    for variant in images.VARIANTS:
        if variant not in BUILT:
            print(f"{variant}: wheels of {wheels(root, variant) / 1e9:.2f} GB", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        ours_seconds, theirs_seconds = [], []
        for _ in range(rounds):
            theirs_seconds.append(_bare_start(bare, Path(folder)))
            ours_seconds.append(_container_start(engine, "nebulab:cpu", Path(folder)))
    ours_median, theirs_median = statistics.median(ours_seconds), statistics.median(theirs_seconds)
    rows.append(
        Row.at_most(
            "`run` of the container to /lab", ours_median, theirs_median, "s", "bare jupyter lab", goal=LONGEST_START
        )
    )
    return rows


def compressed(engine: Engine, tag: str) -> list[int]:
    """Return the bytes of each layer as a registry would hold it, lowest first; nothing where the engine can't tell."""
    if engine.name == "docker":
        return []
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        push = [engine.name, "push", "-q", "--compress", tag, f"dir:{folder}"]
        subprocess.run(push, check=True, stdout=subprocess.DEVNULL)
        manifest = json.loads((Path(folder) / "manifest.json").read_text())
    return [int(layer["size"]) for layer in manifest["layers"]]


def pulled_with_a_change(sizes: Sequence[int]) -> int:
    """Return the bytes of the layers in `compressed` that a change of our own code replaces: all above environments."""
    highest = max((place for place, size in enumerate(sizes) if size > _SMALLEST_ENVIRONMENT), default=-1)
    return sum(sizes[highest + 1 :])


def wheels(root: Path, variant: str) -> int:
    """Return the bytes of the wheels that a variant's lock names for the image's Python, as the index tells them."""
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "pylock.toml"
        uv = [sys.executable, "-m", "uv", "pip", "compile", "-q", "--no-deps", "--format", "pylock.toml"]
        there = ["--python-version", ".".join(map(str, _PYTHON)), "--python-platform", "x86_64-manylinux_2_28"]
        named = str(root / "requirements" / "image" / f"{variant}.txt")
        subprocess.run([*uv, *there, "-o", str(lock), named], check=True, stdout=subprocess.DEVNULL)
        packages = tomllib.loads(lock.read_text())["packages"]
    return sum(_size(package["wheels"]) for package in packages if "wheels" in package)


def _size(offered: Iterable[dict[str, str | int]]) -> int:
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in range(_NEWEST_GLIBC, _OLDEST_GLIBC - 1, -1)]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"]
    known = [*cpython_tags(_PYTHON, platforms=platforms), *compatible_tags(_PYTHON, "cp311", platforms)]
    rank = {tag: place for place, tag in reversed(list(enumerate(known)))}
    best: tuple[int, int] | None = None
    for wheel in offered:
        tags = parse_wheel_filename(str(wheel["url"]).rpartition("/")[2])[3]
        for tag in tags & rank.keys():
            found = (rank[tag], int(wheel["size"]))
            best = found if best is None or found < best else best
    return 0 if best is None else best[1]


def _bare_start(python: Path, folder: Path) -> float:
    lab = [str(python), "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={_PORT}"]
    lab += [f"--IdentityProvider.token={_TOKEN}", "--ServerApp.port_retries=0"]
    began = time.monotonic()
    process = subprocess.Popen(lab, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return _until_lab(began)
    finally:
        process.terminate()
        process.wait()


def _container_start(engine: Engine, tag: str, folder: Path) -> float:
    folder.chmod(0o777)
    options = ["--publish", f"127.0.0.1:{_PORT}:8888", "--volume", f"{folder}:/import", "--env", "JUPYTER_TOKEN"]
    command = [engine.name, "run", "--detach", *walls.hardening(_MEMORY_MB), "--user", "12345:54321", *options, tag]
    variables = os.environ | {"JUPYTER_TOKEN": _TOKEN}
    began = time.monotonic()
    started = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=variables)
    try:
        return _until_lab(began)
    finally:
        remove = [engine.name, "rm", "--force", started.stdout.split()[-1]]
        subprocess.run(remove, check=True, stdout=subprocess.DEVNULL)


def _until_lab(began: float) -> float:
    """Return the seconds from `began` until the page is delivered."""
    headers = {"Authorization": f"token {_TOKEN}"}
    while time.monotonic() - began < _SECONDS:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{_PORT}/lab", headers=headers, timeout=30).status_code == 200:
                return time.monotonic() - began
        time.sleep(0.02)
    raise TimeoutError(f"nothing answered within {_SECONDS:.0f} s")
