"""What TPV decides for users of Galaxy's own model; runs in Galaxy's environment, and imports nothing of ours.

`python -P gate_decisions.py JOB_CONF TPV_FILE… <CASES` reads cases as JSON, and prints what `tpv lint` finds in the
first file and in all of them, and for each case what `tpv dry-run --explain` would: the destination, or the text of the
refusal. One process for all, since importing Galaxy is what takes the time.
"""

from __future__ import annotations

import json
import sys
import types
from typing import Any

# TPV names its class in annotations alone, and importing it takes six seconds.
sys.modules["galaxy.app"] = types.ModuleType("galaxy.app")
sys.modules["galaxy.app"].UniverseApplication = object  # type: ignore[attr-defined]

from galaxy import model  # noqa: E402
from galaxy.jobs.mapper import JobMappingException  # noqa: E402
from galaxy.security.idencoding import IdEncodingHelper  # noqa: E402
from galaxy.tool_util.deps.requirements import ResourceRequirement  # noqa: E402
from tpv.commands.dryrunner import TPVDryRunner  # noqa: E402
from tpv.commands.linter import TPVConfigLinter  # noqa: E402
from tpv.commands.test import mock_galaxy  # noqa: E402


def user(session: Any, case: dict[str, Any], number: int) -> model.User | None:
    """Make the user of a case in Galaxy's database, with roles of their own and through groups."""
    if case.get("anonymous"):
        return None
    made = model.User(email=case.get("email", f"user{number}@example.org"), password="x", username=f"user{number}")
    session.add(made)
    for name in case.get("roles", ()):
        session.add(model.UserRoleAssociation(made, model.Role(name=name, type="admin")))
    for name, deleted in case.get("groups", ()):
        group = model.Group(name=f"group of {name} {number}")
        group.deleted = deleted
        session.add(model.GroupRoleAssociation(group, model.Role(name=name, type="admin")))
        session.add(model.UserGroupAssociation(made, group))
    for name, description in case.get("courses", ()):
        group = model.Group(name=name)
        role = model.Role(name=name, description=description, type="admin")
        session.add(model.GroupRoleAssociation(group, role))
        session.add(model.UserGroupAssociation(made, group))
    session.commit()
    return made


def decide(job_conf: str, files: list[str], case: dict[str, Any], number: int) -> dict[str, Any]:
    """Return what becomes of a case's job."""
    tool = mock_galaxy.Tool(case["tool"])
    tool.old_id = case.get("old_id", case["tool"])
    tool.resource_requirements = [ResourceRequirement(value, kind) for kind, value in case.get("asks", {}).items()]
    runner = TPVDryRunner(job_conf, files, tool=tool, job=mock_galaxy.Job())
    runner.galaxy_app.config.admin_users_list = ["admin@example.org"]
    runner.galaxy_app.security = IdEncodingHelper(id_secret="of this test")
    runner.user = user(runner.galaxy_app.model.context, case, number)
    runner.job.history = mock_galaxy.History()
    told = {"refused": "", "id": "", "env": [], "params": {}}
    try:
        destination, _ = runner.run()
        told |= {"id": destination.id, "env": destination.env, "params": destination.params}
    except JobMappingException as error:
        told["refused"] = error.failure_message
    _, collector = runner.run(explain=True)
    return told | {"explained": collector.render()}


def lint(files: list[str]) -> list[str]:
    """Return the faults and warnings of files that are read one after another."""
    linter = TPVConfigLinter.from_url_or_path(files)
    linter.lint()
    return [str(found) for found in linter.warnings + linter.errors]


if __name__ == "__main__":
    cases = json.load(sys.stdin)
    # TPV and Galaxy log to standard output.
    out, sys.stdout = sys.stdout, sys.stderr
    decisions = [decide(sys.argv[1], sys.argv[2:], case, number) for number, case in enumerate(cases)]
    found = {" ".join(files): lint(files) for files in (sys.argv[2:3], sys.argv[2:])}
    json.dump({"decisions": decisions, "lint": found}, out)
