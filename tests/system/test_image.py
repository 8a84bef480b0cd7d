"""The image's smallest variant, from nothing: built on Debian's packages alone, verified from inside, run as a person
runs it. The variants with frameworks take the same path (`nebulab image build`, `nebulab image verify`)."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from nebulab.containers import images, verifying
from nebulab.containers.engine import Engine
from nebulab.containers.walls import hardening
from support.containers import Container, podman
from support.session import run_in_kernel
from support.stack import ROOT

pytestmark = pytest.mark.system

PODMAN = Engine("podman")
LARGEST = 0.7e9
LARGEST_CHANGE = 9e6
"""Bytes unpacked; what is pulled is less than half of it, and 5 MB at most by docs/benchmarks.md."""


@pytest.fixture
def lab(lab_image: str) -> str:
    """The image, built by the command that a person gives."""
    return lab_image


@pytest.mark.parametrize("script", verifying.scripts(ROOT, "lab"))
def test_it_passes_from_inside_as_a_user_that_nobody_knows(lab: str, script: str) -> None:
    verified = verifying.verify(PODMAN, lab, script, memory_mb=2048)
    assert verified.code == 0, verified.output


def test_it_is_small_and_a_change_of_our_code_is_smaller(lab: str) -> None:
    layers = images.layers(PODMAN, lab)
    assert sum(size for size, _ in layers) <= LARGEST
    ours = [size for size, _ in images.own(layers)]
    assert 0 < sum(ours) <= LARGEST_CHANGE


def test_a_person_runs_it_on_a_folder(lab: str, tmp_path: Path) -> None:
    folder = tmp_path / "analysis"
    folder.mkdir()
    folder.chmod(0o777)
    with Container(lab, "--volume", f"{folder}:/import") as container:
        assert container.published.startswith("127.0.0.1:")
        assert "GPU: none" in container.said
        stranger = httpx.get(f"http://{container.published}/lab")
        assert stranger.status_code == 403
        owner = httpx.get(container.way_in, follow_redirects=True, timeout=60)
        assert owner.status_code == 200
        assert owner.url.path.endswith("/Start here.ipynb")
        assert container.token not in podman("top", container.id, "args")
        with container.owner() as client:
            run_in_kernel(client, "open('made.txt', 'w').write('here')")
        assert (folder / "made.txt").read_text() == "here"
        assert container.stop() == 0


def test_a_kernel_that_takes_too_much_memory_is_told_and_the_lab_goes_on(lab: str) -> None:
    with Container(lab, *hardening(600), "--user", "4321:4321", "--memory", "600m") as container:
        hungry = "import time\nheld = []\nwhile True:\n    held.append(bytearray(20_000_000)); time.sleep(0.1)"
        with container.owner() as client:
            with pytest.raises(TimeoutError):
                run_in_kernel(client, hungry, timeout=15)
            deadline = time.monotonic() + 20
            told = ""
            while "GB" not in told and time.monotonic() < deadline:
                answer = client.get("/nebulab/session").raise_for_status().json()
                told = " ".join(message["text"] for message in answer["messages"])
            # By us in time, or by the system when it took more between two looks.
            assert "A kernel used" in told or "a kernel or a program was ended" in told, told
            assert "0.6 GB" in told, told
            assert run_in_kernel(client, "print(6 * 7)") == "42\n"
