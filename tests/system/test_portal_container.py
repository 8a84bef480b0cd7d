"""The portal's container: built on Debian's packages, run as deploy/portal/compose.yml runs it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from rich.console import Console

from nebulab.containers.building import bootstrap
from nebulab.containers.engine import Engine
from support.containers import podman, require_containers
from support.fake_accounts import KEY
from support.parts import require
from support.stack import ROOT

pytestmark = pytest.mark.system
DEPLOY = ROOT / "deploy" / "portal"
STRANGER = 4321
"""A user that the image does not know."""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    require_containers(tmp_path_factory.mktemp("engine"))
    require("debootstrap")
    base = bootstrap(Engine("podman"), Console(stderr=True))
    tag = f"localhost/nebulab-portal-test-{os.getpid()}:1"
    build = ["build", "--file", str(DEPLOY / "Containerfile"), "--build-arg", f"BASE={base}", "--format", "docker"]
    authority = os.environ.get("SSL_CERT_FILE")
    if authority and Path(authority).is_file():
        build += ["--secret", f"id=cabundle,src={authority}"]
    podman(*build, "--tag", tag, str(ROOT))
    yield tag
    podman("image", "rm", "--force", tag, check=False)


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    """What compose.yml asks for, with a port of loopback's and folders of this test's."""
    service = yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]["portal"]
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    data, folder = tmp_path / "data", tmp_path / "nebulab"
    data.mkdir(mode=0o700)
    folder.mkdir(mode=0o755)
    key = folder / "portal-key"
    key.touch(0o600)
    key.write_text(KEY)
    for mine in (data, key):
        os.chown(mine, STRANGER, STRANGER)
    places = {"portal": data, "/etc/nebulab": folder}
    volumes = [each.split(":", 1) for each in service["volumes"]]
    given = ["--read-only", "--cap-drop", "all", "--user", f"{STRANGER}:{STRANGER}", "--publish", "127.0.0.1::8095"]
    given += [f"--security-opt={each.removesuffix(':true')}" for each in service["security_opt"]]
    given += [f"--volume={places[what]}:{where}" for what, where in volumes]
    # By a published port it has to listen on the container's address.
    settings = service["environment"] | {"NEBULAB_PORTAL_HOST": "0.0.0.0"}
    return [*given, *(f"--env={name}={value}" for name, value in settings.items())]


def health(container: str) -> dict[str, object]:
    """Wait for the portal's own word on its health, and return it."""
    address = f"http://{podman('port', container, '8095/tcp')}/health"
    end = time.monotonic() + 60
    while True:
        try:
            answer: dict[str, object] = httpx.get(address, trust_env=False).json()
        except httpx.TransportError:
            running = podman("inspect", "--format", "{{.State.Running}}", container)
            assert running == "true" and time.monotonic() < end, podman("logs", container)
            time.sleep(0.1)
        else:
            return answer


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
def test_it_runs_as_a_stranger_and_keeps_its_data(image: str, options: list[str], tmp_path: Path) -> None:
    container = podman("run", "--detach", *options, image).splitlines()[-1]
    try:
        assert health(container) == {"ok": True, "troubles": []}
        podman("healthcheck", "run", container)
        assert podman("top", container, "user").splitlines()[1:] == [str(STRANGER)]
        kept = tmp_path / "data" / "portal"
        assert kept.stat().st_mode & 0o077 == 0 and (kept / "portal.sqlite").stat().st_uid == STRANGER
        secret = (kept / "secret").read_bytes()
        began = time.monotonic()
        podman("stop", "--time", "30", container)
        assert time.monotonic() - began < 15 and "State.ExitCode" not in podman("logs", container)
        assert podman("inspect", "--format", "{{.State.ExitCode}}", container) == "0"
        podman("start", container)
        assert health(container) == {"ok": True, "troubles": []}
        assert (kept / "secret").read_bytes() == secret
        assert podman("logs", container).count("Running upgrade") == len(
            list((ROOT / "src/nebulab/portal/data/migrations/versions").glob("0*.py"))
        )
    finally:
        podman("rm", "--force", "--time", "5", container, check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
def test_a_wrong_setting_is_said_and_ends_it(image: str, options: list[str]) -> None:
    told = podman("run", "--rm", *options, "--env=NEBULAB_PORTAL_URL=gpu.example.org", image, check=False)
    assert "NEBULAB_PORTAL_URL is 'gpu.example.org', which is no web address" in told and "Traceback" not in told
    told = podman("run", "--rm", *options, "--env=NEBULAB_PORTAL_KEY_FILE=/run/none", image, check=False)
    assert "/run/none can't be read" in told and "Traceback" not in told
