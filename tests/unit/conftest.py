"""Unit tests reach no network, so no proxy of whoever runs them is asked for it, and leave no thread of ours behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
_PATIENCE_SECONDS = 10.0


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    """What a thread prints or asks when its test is over would be found in another test."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("nebulab-"):
            began = time.monotonic()
            thread.join(_PATIENCE_SECONDS)
            assert not thread.is_alive(), f"{thread.name} still runs {time.monotonic() - began:.0f} s after its test"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
