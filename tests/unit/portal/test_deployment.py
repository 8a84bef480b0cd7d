"""What `deploy/` has for the portal: each secret reaches it, and the container's word on its health is the portal's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from nebulab.portal.settings import PortalSettings
from nebulab.variables import declared

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
SECRETS = sorted(each.name for each in declared(PortalSettings).values() if "by its owner alone" in each.help)
"""The variables that name files with secrets."""


def test_systemd_gives_the_portal_each_secret() -> None:
    unit = (DEPLOY / "nebulab-portal.service").read_text()
    loaded = dict(re.findall(r"^#?LoadCredential=([\w-]+):/etc/nebulab/([\w-]+)$", unit, re.MULTILINE))
    named = dict(re.findall(r"^#?Environment=(NEBULAB_\w+)=%d/([\w-]+)$", unit, re.MULTILINE))
    assert len(SECRETS) == 5 and sorted(named) == SECRETS
    assert sorted(named.values()) == sorted(loaded)
    # systemd starts no service of which the source of a credential is missing: only the key is always there.
    assert re.findall(r"^LoadCredential=(.*)", unit, re.MULTILINE) == ["key:/etc/nebulab/portal-key"]
    document = (ROOT / "docs" / "offering-gpus.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([\w-]+)` \| `(NEBULAB_\w+_FILE)` \|", document, re.MULTILINE))
    assert told == {loaded[credential]: variable for variable, credential in named.items()}


def compose() -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load((DEPLOY / "portal" / "compose.yml").read_text())["services"]["portal"]
    return service


def test_the_container_finds_the_files_of_the_documents_by_their_paths() -> None:
    assert "/etc/nebulab:/etc/nebulab:ro" in compose()["volumes"]
    assert compose()["environment"]["NEBULAB_PORTAL_KEY_FILE"] == "/etc/nebulab/portal-key"


def test_the_container_is_nobody_by_default() -> None:
    assert compose()["user"].startswith("${PORTAL_UID:?")


@pytest.fixture
def served() -> Iterator[tuple[int, list[str]]]:
    """A server's port, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, asked
        server.shutdown()
        thread.join()


def test_the_health_check_asks_at_the_portals_port(served: tuple[int, list[str]]) -> None:
    port, asked = served
    text = re.search(r"^HEALTHCHECK.*\\\n\s+CMD (\[.*\])$", (DEPLOY / "portal/Containerfile").read_text(), re.MULTILINE)
    assert text
    of_image = json.loads(text[1])
    assert ["CMD", *of_image] == compose()["healthcheck"]["test"]
    assert of_image[:2] == ["python3", "-c"]
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, *of_image[1:]]
    subprocess.run(command, env=environment | {"NEBULAB_PORTAL_PORT": str(port)}, check=True, timeout=60)
    assert asked == ["/health"]


def the_ticket_of(key_file: Path) -> list[dict[str, str]]:
    """Run the gate's rule, as TPV does, and return the session's variables."""
    tools = yaml.safe_load((DEPLOY / "tpv" / "nebulab.yml").read_text())["tools"].values()
    (rule,) = (rule for tool in tools for rule in tool.get("rules", ()) if rule["id"] == "nebulab_ticket")
    names = {
        "mapper": SimpleNamespace(global_context={"nebulab_ticket_key_file": str(key_file)}),
        "user": SimpleNamespace(id=7),
        "app": SimpleNamespace(security=SimpleNamespace(encode_id=lambda number: f"encoded{number}")),
        "entity": SimpleNamespace(env=None, params=None),
    }
    exec(rule["execute"], names)
    return list(names["entity"].env or [])


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00 no text"])
def test_no_job_fails_for_the_tickets_key(tmp_path: Path, content: bytes | None) -> None:
    key = tmp_path / "ticket-key"
    if content is not None:
        key.write_bytes(content)
    assert the_ticket_of(key) == []


def test_a_ticket_is_signed_by_the_key(tmp_path: Path) -> None:
    key = tmp_path / "ticket-key"
    key.write_text("0123456789abcdef\n")
    assert [each["name"] for each in the_ticket_of(key)] == ["NEBULAB_HOURS_TICKET"]
