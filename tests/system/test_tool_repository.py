"""The mode "start with a code repository", with a repository that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.galaxy import TOOL, GalaxyUser
from support.git import serve
from support.session import Session
from support.stack import Stack

pytestmark = pytest.mark.system


@pytest.mark.parametrize(("reference", "has_two"), [("", False), ("wip/two", True)])
def test_a_repository_opens_at_its_branch(
    stack: Stack, galaxy: GalaxyUser, history: str, tmp_path: Path, reference: str, has_two: bool
) -> None:
    with serve(tmp_path) as address:
        mode = {"mode|mode_select": "pull_repo", "mode|repo_url": f"{address}/open/thing.git"}
        answer = galaxy.run_tool(history, TOOL, mode | {"mode|repo_ref": reference})
        point = galaxy.entry_point(answer["jobs"][0]["id"])
    session = Session(stack, point["target"])
    found = session.run("import os; print(sorted(os.listdir('thing')))")
    galaxy.stop_session(point["id"])

    assert "'analysis.ipynb'" in found
    assert ("'two.txt'" in found) == has_two
    galaxy.succeed(answer["jobs"][0]["id"])
    notebook = galaxy.wait_dataset(galaxy.output(answer, "jupyter_notebook")["id"])
    assert "No notebook was saved" in "".join(galaxy.notebook(notebook["id"])["cells"][0]["source"])
    assert galaxy.elements(answer, "notebook_collection") == {}
