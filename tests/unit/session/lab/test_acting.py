"""Work in a process of the kernels' environment: its progress, its result, its failure, and its end with who asked."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from nebulab.errors import NebulabError
from nebulab.linux import descendants
from nebulab.session.lab.acting import act


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "does_it.py"


async def said(wish: dict[str, Any]) -> list[dict[str, Any]]:
    return [each async for each in act(sys.executable, "does_it", wish)]


async def test_it_yields_progress_and_the_result(module: Path) -> None:
    module.write_text(
        "import json, sys\n"
        "wish = json.load(sys.stdin)\n"
        "print(json.dumps({'done': 1}))\n"
        "print(json.dumps({'result': wish['number'] + 1}))\n"
    )
    assert await said({"number": 41}) == [{"done": 1}, {"result": 42}]


async def test_it_tells_a_failure(module: Path) -> None:
    module.write_text('print(\'{"error": "The disk is full.", "hint": "Delete a file."}\')\n')
    with pytest.raises(NebulabError, match="disk is full") as caught:
        await said({})
    assert caught.value.hint == "Delete a file."


async def test_a_process_that_dies_is_a_failure(module: Path) -> None:
    module.write_text("raise SystemExit(3)\n")
    with pytest.raises(NebulabError, match="without a result"):
        await said({})


async def test_who_stops_listening_ends_the_process(module: Path) -> None:
    module.write_text("import time\nprint('{\"done\": 1}', flush=True)\ntime.sleep(60)\n")
    began = time.monotonic()
    working = act(sys.executable, "does_it", {})
    assert await anext(working) == {"done": 1}
    await working.aclose()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 30
    assert not [pid for pid in descendants(os.getpid()) if b"does_it" in Path(f"/proc/{pid}/cmdline").read_bytes()]
