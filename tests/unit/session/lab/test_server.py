"""JupyterLab's port, its first answer and the report to Galaxy."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from pathlib import Path

import pytest

from nebulab.errors import ServerError
from nebulab.session.lab import server
from nebulab.session.walls.guardian import spawn
from support import stand_in_lab


async def test_the_first_answer_is_awaited(tmp_path: Path) -> None:
    port = server.free_port()
    process = spawn([sys.executable, stand_in_lab.__file__, str(port)], {}, folder=tmp_path, log=tmp_path / "log")
    try:
        await server.wait_until_ready(port, "token", process, tmp_path / "log", 30)
    finally:
        process.stop()


async def test_a_foreign_server_on_the_port_gets_no_token(tmp_path: Path) -> None:
    """Another user's program took the port between the choice and JupyterLab's start."""
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        foreign.settimeout(0)
        port = foreign.getsockname()[1]
        process = spawn(
            [sys.executable, "-c", "import time; time.sleep(60)"], {}, folder=tmp_path, log=tmp_path / "log"
        )
        try:
            with pytest.raises(ServerError, match="did not answer"):
                await server.wait_until_ready(port, "token", process, tmp_path / "log", 1)
        finally:
            process.stop()
        # Other tests run beside this one and may meet the port; nobody who does may have brought the token.
        with contextlib.suppress(BlockingIOError):
            while True:
                visitor, _ = foreign.accept()
                with visitor:
                    visitor.settimeout(0)
                    assert b"token" not in visitor.recv(4096)


async def test_a_server_that_ends_is_told_at_once(tmp_path: Path) -> None:
    process = spawn(
        [sys.executable, "-c", "print('why'); raise SystemExit(3)"], {}, folder=tmp_path, log=tmp_path / "log"
    )
    with pytest.raises(ServerError, match=r"(?s)exit code 3.*why"):
        await server.wait_until_ready(server.free_port(), "token", process, tmp_path / "log", 30)


def test_the_report_is_what_galaxys_runner_reads(tmp_path: Path) -> None:
    server.report(tmp_path / "container_runtime.json", 4711)
    assert json.loads((tmp_path / "container_runtime.json").read_text()) == {
        "8888": {"tool_port": 8888, "host": "127.0.0.1", "port": 4711, "protocol": "tcp"}
    }
    assert [path.name for path in tmp_path.iterdir()] == ["container_runtime.json"]


def test_a_reason_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    """The sandbox writes that file, and the session, which may read more, shows it to the user."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "failure.txt").symlink_to(tmp_path / "secret")
    assert server.written_inside(tmp_path / "failure.txt") == ""
    os.mkfifo(tmp_path / "pipe")
    assert server.written_inside(tmp_path / "pipe") == ""
    assert server.written_inside(tmp_path / "secret") == "secret"
