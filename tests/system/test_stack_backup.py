"""A running stack's backup, and a second stack made of it that has all that the first had."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from support.galaxy import GalaxyUser
from support.stack import Stack

pytestmark = pytest.mark.system


def test_a_restored_stack_has_accounts_histories_and_data(
    stack: Stack, new_stack: Callable[..., Stack], tmp_path: Path, galaxy: GalaxyUser
) -> None:
    history = galaxy.new_history("kept")
    dataset = galaxy.upload(history, "one\ttwo\n", "kept", "tabular")
    said = stack.nebulab("backup", str(tmp_path / "kept.tar")).stdout
    assert "keys and passwords" in said
    assert stat.S_IMODE((tmp_path / "kept.tar").stat().st_mode) == 0o600
    assert galaxy.content(dataset["id"]) == b"one\ttwo\n", "the stack runs on"
    refused = stack.nebulab("restore", str(tmp_path / "kept.tar"), check=False)
    assert refused.returncode == 1
    assert "not empty" in refused.stderr
    assert "Traceback" not in refused.stderr
    again = new_stack(restored=tmp_path / "kept.tar")
    restored = GalaxyUser(again.url, stack.user.key)
    assert restored.content(dataset["id"]) == b"one\ttwo\n"
    assert "kept" in [one["name"] for one in restored.get("histories")]
    more = restored.upload(restored.new_history("new"), "three\n", "new", "txt")
    assert restored.content(more["id"]) == b"three\n"
