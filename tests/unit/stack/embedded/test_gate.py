"""With --require-access TPV is asked first, and leads to the destinations that there are without it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from nebulab import contract
from nebulab.stack.embedded import accounts, configuration, gate
from nebulab.stack.isolation import Isolation
from nebulab.stack.settings import StackSettings

CHECKOUT = Path(__file__).parents[4]
PORTS = {"galaxy": 8080, "proxy": 8081, "portal": 8082}
ISOLATIONS = {
    "bubblewrap": Isolation("bubblewrap", Path("/opt/bwrap"), "bubblewrap"),
    "container": Isolation("container", None, "container", "podman", "nebulab:cpu", "sealed"),
}


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    bundled = tmp_path / "environments" / "galaxy" / "lib" / "python3.11" / "site-packages" / "galaxy" / "tools"
    (bundled / "bundled").mkdir(parents=True)
    return StackSettings(tmp_path / "data", tmp_path / "environments", CHECKOUT)


def written(settings: StackSettings, isolation: str = "bubblewrap") -> dict[str, Any]:
    secrets = accounts.load(settings.secrets_file)
    limits = configuration.one_session(settings)
    configuration.write(settings, secrets, ISOLATIONS[isolation], PORTS, stack_id="5tac", limits=limits)
    jobs: dict[str, Any] = yaml.safe_load((settings.config_dir / "job_conf.yml").read_text())
    return jobs


def test_it_is_off_at_first_and_stays_as_it_was_left(settings: StackSettings) -> None:
    assert gate.is_on(settings) is False
    assert gate.is_on(replace(settings, require_access=True)) is True
    assert gate.is_on(settings) is True
    assert gate.is_on(replace(settings, require_access=False)) is False
    assert gate.is_on(settings) is False


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_our_tools_go_through_it_to_where_they_go_without(settings: StackSettings, isolation: str) -> None:
    open_ = written(settings, isolation)
    gated = written(replace(settings, require_access=True), isolation)
    before, after = ({tool["id"]: tool["environment"] for tool in jobs["tools"]} for jobs in (open_, gated))
    assert after == before | dict.fromkeys((contract.LAB_TOOL, contract.JOB_TOOL), "gate")
    environments = gated["execution"]["environments"]
    rules = [Path(path) for path in environments.pop("gate")["tpv_config_files"]]
    assert environments == open_["execution"]["environments"]
    assert rules[0] == CHECKOUT / "deploy" / "tpv" / "nebulab.yml"
    own = yaml.safe_load(rules[1].read_text())
    required = {key: tool["scheduling"]["require"] for key, tool in own["tools"].items()}
    assert sorted(required.values()) == [["programs"], ["sessions"]]
    for name, destination in own["destinations"].items():
        assert destination["scheduling"] == {"require": [name]}
        assert (
            destination["params"]["environment"]
            == name
            == before[contract.JOB_TOOL if name == "programs" else contract.LAB_TOOL]
        )
    assert own["global"]["context"]["nebulab_portal_url"] == "http://localhost:8082"
    assert own["global"]["context"]["nebulab_ticket_key_file"] == str(settings.ticket_key_file)


def test_the_form_says_where_to_apply(settings: StackSettings) -> None:
    for required in (False, True):
        written(replace(settings, require_access=required))
        macros = (settings.config_dir / "tools" / "macros.xml").read_text()
        assert macros.count("apply for it at http://localhost:8082") == (2 if required else 0)


def test_galaxys_first_page_leads_to_the_portal(settings: StackSettings) -> None:
    for required in (False, True):
        written(replace(settings, require_access=required))
        galaxy = yaml.safe_load((settings.config_dir / "galaxy.yml").read_text())["galaxy"]
        page = Path(galaxy["static_welcome_html"]).read_text()
        link = f'<a target="_top" href="http://localhost:8082/apply?tool={contract.LAB_TOOL}">Apply for access</a>'
        assert (link in page) is required
        assert page.count('<p><a class="open"') == 1
