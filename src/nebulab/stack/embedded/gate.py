"""The gate: whether the tools run only for people who were given access (`up --require-access`), and its rules as this
stack's Galaxy reads them; runs on one machine, at every start.

The rules are TPV's, of `deploy/tpv/nebulab.yml`; here is what an administrator of a server would write beside them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import yaml

from nebulab import contract
from nebulab.files import private_folder, read_json, write_private
from nebulab.stack.embedded import container_jobs
from nebulab.stack.embedded.accounts import Secrets
from nebulab.stack.settings import StackSettings

ENVIRONMENT = "gate"
"""The destination, in Galaxy's job_conf.yml, of the tools behind the gate."""
TOOLS = (contract.LAB_TOOL, contract.JOB_TOOL)
_KEPT_IN = "access.json"


def is_on(settings: StackSettings) -> bool:
    """Return whether the gate is on: as it was asked for, else as at the last start; the answer is kept."""
    path = settings.data_dir / _KEPT_IN
    if settings.require_access is None:
        return read_json(path).get("required") is True
    private_folder(settings.data_dir)
    write_private(path, json.dumps({"required": settings.require_access}))
    return settings.require_access


def destination(settings: StackSettings) -> dict[str, Any]:
    """Return the destination that asks TPV, whose last word leads on to another destination."""
    rules = (settings.checkout / "deploy" / "tpv" / "nebulab.yml", _own_rules(settings))
    return {
        "runner": "dynamic",
        "type": "python",
        "rules_module": "tpv.rules",
        "function": "map_tool_to_destination",
        "tpv_config_files": [str(path) for path in rules],
    }


def write(settings: StackSettings, secrets: Secrets, portal: str, destinations: Mapping[str, str]) -> None:
    """Write what TPV reads after our rules.

    Parameters
    ----------
    portal
        The portal's address.
    destinations
        For each of `TOOLS` the destination of job_conf.yml to which those go on who pass.
    """
    context = {
        "nebulab_portal_url": portal,
        "nebulab_contact": secrets.admin.email,
        "nebulab_ticket_key_file": str(settings.ticket_key_file),
    }
    own = {
        "global": {"context": context},
        "tools": {_pattern(tool): {"scheduling": {"require": [name]}} for tool, name in destinations.items()},
        "destinations": {
            name: {
                "runner": "dynamic",
                "params": {
                    "type": "python",
                    "rules_module": container_jobs.RULES,
                    "function": "behind_the_gate",
                    "environment": name,
                },
                "scheduling": {"require": [name]},
            }
            for name in sorted(set(destinations.values()))
        },
    }
    write_private(_own_rules(settings), yaml.safe_dump(own, sort_keys=False))


def first_page(settings: StackSettings, portal: str) -> Path:
    """Return Galaxy's first page; with a `portal` it leads there too."""
    ours = settings.checkout / "deploy" / "galaxy" / "welcome.html"
    if not portal:
        return ours
    told = (
        "<p>The Lab is for people who were given access to the GPUs. "
        f'<a target="_top" href="{escape(portal)}/apply?tool={contract.LAB_TOOL}">Apply for access</a></p>'
    )
    page = settings.config_dir / "welcome.html"
    write_private(page, ours.read_text(encoding="utf-8").replace("<!-- access -->", told))
    return page


def _own_rules(settings: StackSettings) -> Path:
    return settings.config_dir / "tpv.yml"


def _pattern(tool: str) -> str:
    """Return TPV's key for a tool at every version, from a tool shed or not."""
    return rf"^(?:.*/)?{tool}(?:/[^/]+)?$"
