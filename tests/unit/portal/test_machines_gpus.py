"""The portal of a machine with GPUs asks NVML by one process that lasts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from support import nvml, portal
from support.fake_accounts import KEY, FakeAccounts

pytestmark = pytest.mark.system


def test_one_process_asks_nvml_again_and_again(galaxy: FakeAccounts, tmp_path: Path) -> None:
    variables = nvml.variables(gpus=2) | {"NEBULAB_PORTAL_POOL": "machine"}
    with portal.running(tmp_path, galaxy.url, KEY, **variables) as started:
        seen = [_look(started, "")]
        askers = [_asker(started)]
        seen.append(_look(started, seen[-1]["at"]))
        askers.append(_asker(started))
        assert [gpus["total"] for gpus in seen[0]["gpus"]] == [2]
        assert askers[0] == askers[1]
    assert not psutil.pid_exists(askers[0])


def _look(started: portal.PortalProcess, after: str) -> Any:
    """Return the figures of the next look after that of a moment."""
    end = time.monotonic() + 40
    while True:
        answer = httpx.get(f"{started.url}/api/resources", trust_env=False)
        if answer.status_code == 200 and answer.json()["at"] > after:
            return answer.json()
        assert time.monotonic() < end, answer.text
        time.sleep(0.1)


def _asker(started: portal.PortalProcess) -> int:
    (child,) = psutil.Process(started.process.pid).children()
    assert "--follow" in child.cmdline()
    return int(child.pid)
