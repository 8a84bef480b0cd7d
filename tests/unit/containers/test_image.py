"""The image's build and its verification, as far as they need no engine: commands, locks, what is told."""

from __future__ import annotations

import io
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nebulab.containers import building, images, verifying
from nebulab.containers.engine import Engine
from nebulab.errors import ImageError, SettingsError

ROOT = Path(__file__).parents[3]
LOCKS = ROOT / "requirements" / "image"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program named podman which does what a test writes into it."""
    program = tmp_path / "bin" / "podman"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return program


def says(program: Path, script: str) -> Engine:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Engine("podman")


def command(name: str = "podman", **named: Any) -> list[str]:
    usual: dict[str, Any] = {"variant": "cpu", "tag": "t", "base": None, "wheels": None, "environment": {}}
    return building.build_command(Path("/checkout"), engine=Engine(name), **(usual | named))


def follow(words: list[str], option: str) -> list[str]:
    return [words[place + 1] for place, word in enumerate(words) if word == option]


def test_a_plain_build_leaves_everything_to_the_containerfile() -> None:
    words = command()
    assert words[:2] == ["podman", "build"]
    assert words[-1] == "/checkout"
    assert follow(words, "--build-arg") == ["VARIANT=cpu"]
    assert not {"--secret", "--build-context", "--timestamp"} & set(words)


def test_base_wheels_authority_and_time_are_passed_on(tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    authority.touch()
    environment = {"SSL_CERT_FILE": str(authority), "SOURCE_DATE_EPOCH": "1"}
    words = command(base="some/base@sha256:1", wheels=tmp_path, environment=environment)
    assert "BASE=some/base@sha256:1" in words
    assert follow(words, "--build-context") == [f"wheels={tmp_path}"]
    assert follow(words, "--secret") == [f"id=cabundle,src={authority}"]
    assert follow(words, "--timestamp") == ["1"]
    assert "SOURCE_DATE_EPOCH=1" in command("docker", environment=environment)


def test_wheels_are_found_where_pip_is_told_to_look(tmp_path: Path) -> None:
    environment = {"PIP_FIND_LINKS": f"https://elsewhere.example {tmp_path}"}
    assert not follow(command(environment=environment), "--build-context")
    (tmp_path / "torch-1-py3-none-any.whl").touch()
    assert follow(command(environment=environment), "--build-context") == [f"wheels={tmp_path}"]


def test_micromamba_comes_from_an_address_or_a_file_and_never_without_its_hash(tmp_path: Path) -> None:
    program = tmp_path / "micromamba-linux-64"
    program.touch()
    digest = "a" * 64
    words = command(micromamba=f"https://mirror.example/micromamba#sha256={digest}")
    assert {"MICROMAMBA=https://mirror.example/micromamba", f"MICROMAMBA_SHA256={digest}"} < set(words)
    assert "--build-context" not in words
    words = command(micromamba=f"{program}#sha256={digest}")
    assert follow(words, "--build-context") == [f"micromamba={tmp_path}"]
    assert "MICROMAMBA=micromamba-linux-64" in words
    for source in (
        str(program),
        f"{program}#sha256=abc",
        f"{tmp_path}/none#sha256={digest}",
        "http://x#sha256=" + digest,
    ):
        with pytest.raises(SettingsError):
            command(micromamba=source)


def test_a_failed_build_ends_with_what_the_engine_said_last(tmp_path: Path, engine: Path) -> None:
    fails = says(engine, 'echo "STEP 1/2: FROM x"; echo "no room left" >&2; exit 125')
    told = io.StringIO()
    with pytest.raises(ImageError, match="ended with 125") as caught:
        building.build(tmp_path, Console(file=told, width=100), engine=fails, variant="cpu", tag="t")
    assert "no room left" in caught.value.hint
    assert "STEP 1/2" in told.getvalue()
    assert "no room left" in (tmp_path / ".work" / "image-cpu.log").read_text()


def test_an_engine_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="not installed"):
        building.build(
            tmp_path, Console(quiet=True), engine=Engine("no-engine"), variant="cpu", tag="t", environment={}
        )


def test_only_our_own_images_are_verified(engine: Path) -> None:
    assert images.variant_of(says(engine, """echo '{"org.nebulab.variant": "lab"}'"""), "t") == "lab"
    with pytest.raises(ImageError, match="no image of Nebulab"):
        images.variant_of(says(engine, "echo null"), "t")
    with pytest.raises(ImageError, match="no image t"):
        images.variant_of(says(engine, "exit 1"), "t")


def test_frameworks_are_verified_where_the_variant_has_them() -> None:
    small, whole = verifying.scripts(ROOT, "lab"), verifying.scripts(ROOT, "cpu")
    assert {"every/permissions", "every/session"} <= set(small) < set(whole)
    assert "frameworks/pytorch" in whole
    assert not any(script.endswith(".py") for script in whole)


def test_a_script_runs_without_any_right_and_its_failure_is_kept(engine: Path) -> None:
    verified = verifying.verify(says(engine, 'echo "$@"; exit 7'), "t", "every/session")
    assert verified.code == 7
    for word in ("--read-only", "--cap-drop ALL", "no-new-privileges", "--pids-limit", "--network none", "--memory"):
        assert word in verified.output
    assert re.search(r"--user [1-9]\d+:[1-9]\d+ ", verified.output)
    assert verified.output.strip().endswith("t /opt/nebulab/verify/every/session")


def test_layers_are_told_lowest_first_without_the_empty_ones(engine: Path) -> None:
    says(engine, "printf '0 B\\tCMD\\n2.05 MB\\tours\\n217 MB\\tbase\\n'")
    assert images.layers(Engine("podman"), "t") == [(217_000_000, "base"), (2_050_000, "ours")]


def test_a_change_of_our_code_renews_what_lies_above_the_environments() -> None:
    layers = [(9, "base"), (8, "make-environment lab"), (7, "make-environment kernels"), (2, "COPY wheel"), (1, "RUN")]
    assert images.own(layers) == [(2, "COPY wheel"), (1, "RUN")]


@pytest.mark.parametrize("variant", [one for one in images.VARIANTS if one != "lab"])
def test_a_variants_lock_has_a_hash_for_everything_and_names_no_host(variant: str) -> None:
    lock = (LOCKS / f"{variant}.txt").read_text()
    assert "://" not in lock
    packages = re.findall(r"^([a-z0-9-]+)(?:\[[a-z0-9,-]+\])?==(\S+)(.*(?:\n .*)*)", lock, re.MULTILINE)
    assert len(packages) > 100
    assert [name for name, _, rest in packages if "--hash=sha256:" not in rest] == []


@pytest.mark.parametrize("variant", [one for one in images.VARIANTS if one != "lab"])
def test_no_variant_mixes_two_cudas(variant: str) -> None:
    names = set(re.findall(r"^([a-z0-9-]+)==", (LOCKS / f"{variant}.txt").read_text(), re.MULTILINE))
    cuda12 = {name for name in names if name.endswith("-cu12")}
    cuda13 = {name for name in names if name.endswith("-cu13")} | (names & {"nvidia-cublas", "nvidia-cufft"})
    assert not (cuda12 and cuda13), (cuda12, cuda13)
    assert bool(cuda12 or cuda13) is (variant != "cpu")


def test_the_processors_torch_is_the_one_that_the_tests_use() -> None:
    from nebulab.develop.environments import TORCH

    lock = (LOCKS / "torch-cpu.txt").read_text()
    assert re.search(rf"^{re.escape(TORCH)}\+cpu( \\\n    --hash=sha256:[0-9a-f]{{64}})+$", lock, re.MULTILINE)


def test_the_image_carries_the_libraries_that_the_stack_was_tested_with() -> None:
    def pinned(path: Path) -> dict[str, str]:
        return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", path.read_text(), re.MULTILINE))

    tested, carried = pinned(ROOT / "requirements" / "kernels.txt"), pinned(LOCKS / "cpu.txt")
    for line in (ROOT / "requirements" / "kernels.in").read_text().splitlines():
        name = re.match(r"[a-z0-9-]+", line)
        if "==" in line and name:
            assert carried[name[0]] == tested[name[0]]


def test_our_own_wheel_is_built_by_the_locked_builder() -> None:
    builder = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    lock = (LOCKS / "tools.txt").read_text()
    assert all(re.search(rf"^{re.escape(one)} ", lock, re.MULTILINE) for one in builder)
