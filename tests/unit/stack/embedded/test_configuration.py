"""Galaxy's configuration keeps everything below one folder, on this machine, private."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from nebulab.errors import SettingsError
from nebulab.stack import parts
from nebulab.stack.embedded import accounts, configuration
from nebulab.stack.isolation import Isolation, why_not, without_container
from nebulab.stack.settings import StackSettings

CHECKOUT = Path(__file__).parents[4]
PORTS = {"galaxy": 8080, "proxy": 8081, "portal": 8082}
INTERACTIVE = '<tool id="it_{0}" name="x" tool_type="interactive"/>'
BUBBLEWRAP = Isolation("bubblewrap", Path("/opt/bwrap"), "bubblewrap")


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    tools = tmp_path / "checkout" / "galaxy-tools"
    tools.mkdir(parents=True)
    (tools / "ours.xml").write_text(INTERACTIVE.format("ours"))
    (tools / "batch.xml").write_text('<tool id="batch" name="x"/>')
    (tools / "macros.xml").write_text("<macros/>")
    bundled = tmp_path / "environments" / "galaxy" / "lib" / "python3.11" / "site-packages" / "galaxy" / "tools"
    (bundled / "bundled").mkdir(parents=True)
    return StackSettings(tmp_path / "data", tmp_path / "environments", tmp_path / "checkout", idle_minutes=7)


def _write(settings: StackSettings, isolation: Isolation = BUBBLEWRAP) -> dict[str, Any]:
    secrets = accounts.load(settings.secrets_file)
    limits = configuration.one_session(settings)
    path = configuration.write(settings, secrets, isolation, PORTS, stack_id="5tac", limits=limits)
    galaxy: dict[str, Any] = yaml.safe_load(path.read_text())["galaxy"]
    return galaxy


def test_all_that_galaxy_writes_lies_below_the_data_folder(settings: StackSettings) -> None:
    galaxy = _write(settings)
    for option in ("data_dir", "config_dir", "managed_config_dir", "interactivetools_map", "job_config_file"):
        assert galaxy[option].startswith(str(settings.data_dir)), option
    assert str(settings.galaxy_dir) in galaxy["database_connection"]


def test_nobody_reads_the_configuration_or_anothers_datasets(settings: StackSettings) -> None:
    galaxy = _write(settings)
    assert galaxy["new_user_dataset_access_role_default_private"] is True
    assert galaxy["require_login"] is True
    assert galaxy["allow_local_account_creation"] is False
    for path in settings.config_dir.rglob("*"):
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_galaxys_first_page_is_ours_and_leads_to_the_tool(settings: StackSettings) -> None:
    ours = Path(_write(replace(settings, checkout=CHECKOUT))["static_welcome_html"]).read_text()
    tool = ElementTree.parse(CHECKOUT / "galaxy-tools" / "interactive_tool_ml_jupyter_notebook.xml").getroot()
    assert f'target="_parent"\nhref="../?tool_id={tool.get("id")}&amp;version=latest"' in ours
    assert ours.count("<li>") == 3
    assert ours.count("href=") == 1
    assert "prefers-color-scheme: dark" in ours


def test_galaxy_can_forget_a_session_that_never_told_its_address(settings: StackSettings) -> None:
    """A notebook that is run at once, in the first session of a new stack, ends before Galaxy has made the table."""
    path = _write(settings)["interactivetools_map"]
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("DELETE FROM gxitproxy WHERE key = ? AND key_type = ?", ("x", "interactivetoolentrypoint"))


def test_sessions_are_opened_at_the_proxy(settings: StackSettings) -> None:
    galaxy = _write(settings)
    assert galaxy["interactivetools_proxy_host"] == "localhost:8081"
    assert galaxy["galaxy_infrastructure_url"] == "http://localhost:8080"


@pytest.mark.parametrize(
    ("below", "file"), [("", "theirs.xml"), ("${tool_conf_dir}", "theirs.xml"), ("", "${tool_conf_dir}/theirs.xml")]
)
def test_interactive_tools_have_a_destination_of_their_own(
    settings: StackSettings, tmp_path: Path, below: str, file: str
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "theirs.xml").write_text(INTERACTIVE.format("theirs"))
    listing = tmp_path / "more" / "tool_conf.xml"
    path = f' tool_path="{below}"' if below else ""
    listing.write_text(f'<toolbox{path}><section id="x" name="x"><tool file="{file}"/></section></toolbox>')
    galaxy = _write(replace(settings, tool_confs=(listing,), show=(tmp_path,)))
    assert galaxy["tool_config_file"].split(",") == [str(settings.config_dir / "tool_conf.xml"), str(listing)]
    jobs = yaml.safe_load((settings.config_dir / "job_conf.yml").read_text())
    assert jobs["tools"][:2] == [{"id": name, "environment": "sessions"} for name in ("it_ours", "it_theirs")]
    destination = jobs["execution"]["environments"]["sessions"]
    variables = {item["name"]: item["value"] for item in destination["env"] if "name" in item}
    assert variables["PATH"] == f"{settings.bin_dir}:$PATH"
    assert variables["NEBULAB_KERNELS"] == str(settings.environment("kernels"))
    assert variables["NEBULAB_ISOLATION"] == "bubblewrap"
    assert variables["NEBULAB_IDLE_MINUTES"] == "7"
    assert variables["NEBULAB_HIDE"] == str(settings.data_dir)
    assert variables["NEBULAB_SHOW"] == str(tmp_path)
    assert 0 < int(variables["GALAXY_MEMORY_MB"]) <= 20 * 1024
    assert 0 < int(variables["NEBULAB_DISK_MB"]) <= 250 * 1024
    assert variables["NEBULAB_GPU_MEMORY_MB"] == str(15 * 1024)
    assert destination["live_tool_output_reporting"] == "true"


def test_workflows_can_take_one_dataset_of_a_collection(settings: StackSettings) -> None:
    _write(settings)
    listed = ElementTree.parse(settings.config_dir / "tool_conf.xml")
    [tool] = listed.findall("section[@name='Collections']/tool")
    # It lies beside Galaxy's folder of bundled tools, not in it.
    assert Path(tool.get("file", "")).parts[-3:] == ("bundled", "..", "extract_dataset.xml")


def test_every_job_carries_the_stacks_id(settings: StackSettings) -> None:
    """Galaxy starts them without its own environment, and `down` has to find what outlives it."""
    _write(settings)
    destinations = yaml.safe_load((settings.config_dir / "job_conf.yml").read_text())["execution"]["environments"]
    assert destinations.keys() == {"jobs", "programs", "uploads", "sessions"}
    for destination in destinations.values():
        assert {"name": "NEBULAB_STACK", "value": "5tac"} in destination["env"]


def test_figures_of_gpus_are_taken_where_there_are_some(
    settings: StackSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = configuration.one_session(settings)
    for gpus in ("", "a GPU"):
        monkeypatch.setattr(configuration, "one_session", lambda settings, gpus=gpus: replace(found, gpus=gpus))
        _write(settings)
        jobs = yaml.safe_load((settings.config_dir / "job_conf.yml").read_text())
        measured = {name for name, each in jobs["execution"]["environments"].items() if "metrics" in each}
        assert measured == ({"sessions", "programs"} if gpus else set())
    assert jobs["execution"]["environments"]["sessions"]["metrics"] == [{"type": "core"}, {"type": "gpu"}]


def test_uploads_have_slots_of_their_own(settings: StackSettings) -> None:
    _write(settings)
    jobs = yaml.safe_load((settings.config_dir / "job_conf.yml").read_text())
    assert {"id": "__DATA_FETCH__", "environment": "uploads"} in jobs["tools"]
    assert {limit["id"]: limit["value"] for limit in jobs["limits"]}.keys() == {
        "jobs",
        "programs",
        "uploads",
        "sessions",
    }


def test_without_a_worker_jobs_call_galaxys_own_python(settings: StackSettings) -> None:
    _write(settings)
    assert (settings.worker_dir / "bin" / "python").exists()
    assert parts.galaxy(settings, Path("galaxy.yml"), 80).environment["VIRTUAL_ENV"] == str(settings.worker_dir)
    without = replace(settings, worker=False)
    _write(without)
    assert not settings.worker_dir.exists()
    environment = parts.galaxy(without, Path("galaxy.yml"), 80).environment
    assert environment["VIRTUAL_ENV"] == str(settings.environment("galaxy"))


def test_the_limits_of_a_session_are_settings(settings: StackSettings) -> None:
    chosen: dict[str, Any] = {"session_cores": 1, "session_memory_mb": 300, "session_disk_mb": 400}
    _write(replace(settings, **chosen))
    jobs = yaml.safe_load((settings.config_dir / "job_conf.yml").read_text())
    destination = jobs["execution"]["environments"]["sessions"]
    variables = {item["name"]: item["value"] for item in destination["env"] if "name" in item}
    assert destination["local_slots"] == 1
    assert (variables["GALAXY_MEMORY_MB"], variables["NEBULAB_DISK_MB"]) == ("300", "400")


def test_the_toolbox_offers_our_tools_and_no_macros(settings: StackSettings) -> None:
    _write(settings)
    toolbox = ElementTree.parse(settings.config_dir / "tool_conf.xml")
    files = [Path(tool.get("file", "")).name for tool in toolbox.iter("tool")]
    assert {"ours.xml", "batch.xml", "upload.xml", "filtering.xml", "cutWrapper.xml", "catWrapper.xml"} <= set(files)
    assert "macros.xml" not in files


def test_jobs_find_nebulab_and_the_sandbox(settings: StackSettings) -> None:
    _write(settings)
    assert (settings.bin_dir / "nebulab").readlink() == settings.environment("lab") / "bin" / "nebulab"
    assert (settings.bin_dir / "bwrap").readlink() == Path("/opt/bwrap")
    _write(settings, Isolation("none", None, "none"))
    assert not (settings.bin_dir / "bwrap").is_symlink()


def test_a_broken_tool_is_named(settings: StackSettings) -> None:
    (settings.checkout / "galaxy-tools" / "broken.xml").write_text("<tool>")
    with pytest.raises(SettingsError, match=r"broken\.xml"):
        _write(settings)


def test_isolation_without_an_image_is_what_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert without_container("none").kind == "none"
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho no permission >&2; exit 1\n")
    broken.chmod(0o755)
    assert why_not(broken) == "no permission"
    monkeypatch.setattr("nebulab.stack.isolation.candidates", lambda: [broken])
    assert without_container("auto").kind == "none"
    assert "no permission" in without_container("auto").explanation
    with pytest.raises(SettingsError, match="no permission"):
        without_container("bubblewrap")
