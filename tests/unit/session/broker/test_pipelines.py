"""A pipeline is sent to Galaxy, followed and cancelled through the broker, which needs no more for it than it had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

from nebulab.errors import NotAllowed
from nebulab.pipelines.checking import checked
from nebulab.pipelines.workflow import make
from nebulab.session.broker.judgement import Asked, judge
from support.pipelines import node, write

ID = "10d9edbc80757ab6"


def send(target: str, content: Any) -> Any:
    body = json.dumps(content).encode()
    allowed = judge(Asked("POST", target, CIMultiDict({"content-type": "application/json"}), body))
    assert isinstance(allowed.body, bytes)
    return json.loads(allowed.body)


def workflow(folder: Path, **fields: Any) -> dict[str, Any]:
    (folder / "raw.csv").write_text("")
    nodes = (
        node("clean.ipynb", dependencies=["raw.csv"], outputs=["clean.csv"], **fields),
        node("learn.py", after=["clean.ipynb"], env_vars=[{"env_var": "TEXT", "value": "two\nlines"}]),
        node("last.py", after=["learn.py"]),
    )
    return make(checked(write(folder, *nodes)), requirements="thing==2.5").definition


def test_a_workflow_arrives_as_it_was_made(tmp_path: Path) -> None:
    definition = workflow(tmp_path, env_vars=[{"env_var": "ADDRESS", "value": "https://example.org/a?b=c"}], gpu=1)
    assert send("/api/workflows", {"workflow": definition}) == {"workflow": definition}


def test_its_run_is_started_followed_and_cancelled() -> None:
    inputs = {"File: raw.csv": {"src": "hda", "id": ID}}
    wish = {"inputs": inputs, "inputs_by": "name", "history_id": ID, "require_exact_tool_versions": False}
    assert send(f"/api/workflows/{ID}/invocations", wish) == wish
    for method, target in (
        ("GET", "/api/workflows?show_published=False&show_shared=False"),
        ("GET", f"/api/invocations/{ID}"),
        ("GET", f"/api/jobs?invocation_id={ID}"),
        ("GET", f"/api/jobs/{ID}?full=True"),
        ("GET", f"/api/dataset_collections/{ID}"),
        ("GET", f"/api/workflows/{ID}/download"),
        ("GET", f"/api/short_term_storage/{ID}/ready"),
        ("DELETE", f"/api/invocations/{ID}"),
    ):
        assert judge(Asked(method, target)).method == method


def test_a_pipeline_gets_no_further_than_a_notebook(tmp_path: Path) -> None:
    definition = workflow(tmp_path)
    definition["steps"][0]["run"] = "/etc/passwd"
    with pytest.raises(NotAllowed):
        send("/api/workflows", {"workflow": definition})
