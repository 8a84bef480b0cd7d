"""Pipelines of notebooks on the real Galaxy: the shipped one gives here and there the same files, its workflow stays
and runs again from Galaxy's own page with another input, and a failing node is told with its cell."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from nebulab.session.inputs.start import default_notebooks
from support import chromium
from support.galaxy import GalaxyUser, wait_for
from support.kernels import kernelspecs
from support.pipelines import node, program, write
from support.session import Session
from support.stack import ENVIRONMENTS, ROOT, Stack

pytestmark = pytest.mark.system
expect.set_options(timeout=60_000)

LAB = ENVIRONMENTS / "lab" / "bin" / "python"
PIPELINE = "breast_cancer_survival.pipeline"
MADE = (
    "METABRIC_RNA_Mutation.csv",
    "METABRIC_RNA_Mutation_clean.csv",
    "linear_model_performance.png",
    "predicted_labels.csv",
    "true_labels.csv",
)


def example(folder: Path) -> Path:
    """Return a copy of the shipped pipeline, in a folder in which nothing has been made yet."""
    source = default_notebooks()
    assert source is not None
    shutil.copytree(source / "elyra", folder)
    assert sorted(file.name for file in (folder / "data").iterdir()) == ["cohort.csv"]
    return folder / PIPELINE


def run(path: Path, variables: dict[str, str], *options: str) -> tuple[int, list[dict[str, Any]], str]:
    """Call `nebulab pipeline run --json`; return its exit code, what it told, and its error output."""
    command = [str(LAB), "-m", "nebulab", "pipeline", "run", str(path), "--json", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "MPLBACKEND": "agg"} | variables
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1500)
    return finished.returncode, [json.loads(line) for line in finished.stdout.splitlines()], finished.stderr


def hashes(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / "data" / name).read_bytes()).hexdigest() for name in MADE}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The hashes of what the pipeline makes on this machine."""
    folder = tmp_path_factory.mktemp("here")
    path = example(folder / "elyra")
    code, told, error = run(path, kernelspecs(folder))
    assert code == 0, (json.dumps(told[-3:]), error)
    assert told[-1]["result"]["well"]
    return hashes(path.parent)


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium.opened(height=900, seconds=120) as page:
        yield page


@pytest.fixture
def there(galaxy: GalaxyUser, history: str) -> dict[str, str]:
    """The variables by which a command finds Galaxy."""
    return {"GALAXY_URL": galaxy.url, "API_KEY": galaxy.key, "HISTORY_ID": history}


def test_galaxy_gives_the_same_files(
    here: dict[str, str], there: dict[str, str], galaxy: GalaxyUser, history: str, tmp_path: Path
) -> None:
    path = example(tmp_path / "elyra")
    code, told, error = run(path, there, "--on", "galaxy")
    assert code == 0, (json.dumps(told[-3:]), error)
    assert hashes(path.parent) == here
    states = [(one["name"], one["state"]) for one in told if "node" in one]
    for name in ("Load", "Clean", "Learn", "Plot"):
        seen = [state for other, state in states if other == name]
        assert (seen[0], seen[-1]) == ("waiting", "done")
    executed = json.loads((tmp_path / "elyra" / "breast_cancer_survival.run" / "Learn.ipynb").read_text())
    assert executed["cells"][1]["execution_count"] == 1

    # What the history shows: its five files, the notebooks as they ran, and the files that nodes hand on.
    shown = galaxy.get(f"histories/{history}/contents", v="dev", q="visible", qv="True")
    assert sorted(one["history_content_type"] for one in shown) == 9 * ["dataset"] + 4 * ["dataset_collection"]

    # The workflow has its inputs by name, and its outputs are connections from step to step.
    result = told[-1]["result"]
    shown = galaxy.gi.workflows.show_workflow(result["workflow"])
    assert shown["name"] == "Breast cancer survival"
    assert sorted(entry["label"] for entry in shown["inputs"].values()) == [
        "File: cohort.csv",
        "Notebook: apply_ml.ipynb",
        "Notebook: load_dataset.ipynb",
        "Notebook: plot_results.ipynb",
        "Notebook: preprocess_dataset.ipynb",
    ]

    # Again: nothing is sent a second time, and the workflow is the same one.
    crate = tmp_path / "crate.zip"
    code, told, error = run(path, there, "--on", "galaxy", "--crate", str(crate))
    assert code == 0, (json.dumps(told[-3:]), error)
    assert told[-1]["result"]["workflow"] == result["workflow"]
    contents = galaxy.gi.histories.show_history(history, contents=True)
    assert [one["name"] for one in contents if one["name"] == "cohort.csv"] == ["cohort.csv"]
    assert hashes(path.parent) == here

    with zipfile.ZipFile(crate) as archive:
        graph = {one["@id"]: one for one in json.loads(archive.read("ro-crate-metadata.json"))["@graph"]}
        for part in graph["./"]["hasPart"]:
            assert archive.read(part["@id"])
        assert json.loads(archive.read("workflow.ga"))["name"] == "Breast cancer survival"
    assert all(graph["#run"][when].endswith("+00:00") for when in ("startTime", "endTime"))
    given = sorted(one["@id"] for one in graph["#run"]["object"])
    assert given == [
        "apply_ml.ipynb",
        "data/cohort.csv",
        "load_dataset.ipynb",
        "plot_results.ipynb",
        "preprocess_dataset.ipynb",
    ]
    for name, digest in here.items():
        assert {"@id": f"data/{name}"} in graph["#run"]["result"]
        assert graph[f"data/{name}"]["sha256"] == digest


def test_the_workflow_runs_again_from_galaxys_page_with_another_input(
    there: dict[str, str], stack: Stack, galaxy: GalaxyUser, history: str, tmp_path: Path, page: Page
) -> None:
    path = example(tmp_path / "elyra")
    code, told, error = run(path, there, "--on", "galaxy")
    assert code == 0, (json.dumps(told[-3:]), error)
    first = told[-1]["result"]
    # Another table: the same people, every other one.
    header, *rows = (path.parent / "data" / "cohort.csv").read_text().splitlines()
    other = tmp_path / "other.csv"
    other.write_text("\n".join([header, *rows[::2]]) + "\n")
    galaxy.upload(history, other, "other.csv", "csv")

    page.goto(f"{stack.url}/login/start")
    page.fill("input[name=login]", stack.user.email)
    page.fill("input[name=password]", stack.user.password)
    page.click("button[name=login]")
    page.locator("#activity-upload").wait_for()
    page.goto(f"{stack.url}/histories/view?id={history}")
    page.goto(f"{stack.url}/workflows/rerun?invocation_id={first['invocation']}")
    field = page.locator("[data-label='File: cohort.csv']")
    expect(field.locator(".multiselect__single")).to_contain_text("cohort.csv")
    field.locator(".multiselect").click()
    field.locator(".multiselect__option", has_text="other.csv").click()
    expect(field.locator(".multiselect__single")).to_contain_text("other.csv")
    chromium.picture(page, "pipeline-run-again-in-galaxy")
    page.get_by_role("button", name="Run Workflow").click()

    def begun() -> str | None:
        found = galaxy.get("invocations", workflow_id=first["workflow"], history_id=history)
        return next((str(one["id"]) for one in found if one["id"] != first["invocation"]), None)

    again = wait_for("the second run", begun, 60, 1)

    def over() -> dict[str, Any] | None:
        jobs = galaxy.get("jobs", invocation_id=again)
        failed = [job for job in jobs if job["state"] in {"error", "paused", "deleted"}]
        assert not failed, [galaxy.job(job["id"])["tool_stderr"] for job in failed]
        done = len(jobs) == 4 and all(job["state"] == "ok" for job in jobs)
        return galaxy.get(f"invocations/{again}") if done else None

    invocation = wait_for("its jobs", over, 240, 1)
    made = {}
    for label in ("Load", "Clean", "Learn", "Plot"):
        collection = invocation["output_collections"][f"{label}: step_files"]["id"]
        for element in galaxy.get(f"dataset_collections/{collection}")["elements"]:
            content = galaxy.content(element["object"]["id"])
            made[Path(element["element_identifier"]).name] = hashlib.sha256(content).hexdigest()
    # As the same pipeline gives here with that table.
    shutil.copy(other, path.parent / "data" / "cohort.csv")
    code, told, error = run(path, kernelspecs(tmp_path))
    assert code == 0, (json.dumps(told[-3:]), error)
    assert made == hashes(path.parent)
    assert (path.parent / "data" / "METABRIC_RNA_Mutation.csv").read_text() == other.read_text()


def test_a_failing_node_is_told_with_its_cell(there: dict[str, str], tmp_path: Path) -> None:
    program(tmp_path, "steps/bad.ipynb", "open('made.txt', 'w').write('x')", "1 / 0")
    program(tmp_path, "other.py", "import os; open('other.txt', 'w').write(os.environ['WORD'])")
    path = write(
        tmp_path,
        node("steps/bad.ipynb", label="Divide", outputs=["made.txt"]),
        node("after.py", after=["steps/bad.ipynb"]),
        node("other.py", outputs=["other.txt"], env_vars=[{"env_var": "WORD", "value": "a=b"}]),
        node("quiet.py", after=["other.py"]),
        node("last.py", after=["quiet.py"]),
    )
    program(tmp_path, "last.py", "assert open('other.txt').read() == 'a=b'")
    code, told, error = run(path, there, "--on", "galaxy")
    assert code == 1, (json.dumps(told[-3:]), error)
    states = {one["name"]: one["state"] for one in told if "node" in one}
    assert states == {
        "Divide": "failed",
        "after.py": "skipped",
        "other.py": "done",
        "quiet.py": "done",
        "last.py": "done",
    }
    assert "Cell 2 of 2 failed: ZeroDivisionError" in told[-1]["error"]
    assert (tmp_path / "other.txt").read_text() == "a=b"


def test_the_editors_button_runs_it_through_the_sessions_broker(
    stack: Stack, galaxy: GalaxyUser, history: str, tmp_path: Path, page: Page
) -> None:
    program(tmp_path, "first.ipynb", "open('first.txt', 'w').write('from the first')")
    program(tmp_path, "second.py", "open('second.txt', 'w').write(open('first.txt').read().upper())")
    write(
        tmp_path,
        node("first.ipynb", outputs=["first.txt"]),
        node("second.py", after=["first.ipynb"], outputs=["second.txt"]),
    )
    _, point = galaxy.start_session(history)
    session = Session(stack, point["target"])
    try:
        with session.owner() as client:
            for path in tmp_path.iterdir():
                content = {"type": "file", "format": "text", "content": path.read_text()}
                client.put(f"/api/contents/{path.name}", json=content).raise_for_status()
            page.goto(session.target)
            # What opens by itself would come in front.
            expect(page.get_by_role("tab", name="Welcome", selected=True)).to_be_visible()
            page.locator(".jp-DirListing-item", has_text="test.pipeline").dblclick()
            page.get_by_role("button", name="Run on Galaxy").click()
            editor = page.locator(".nebulab-Pipeline:visible")
            expect(editor.get_by_role("region", name="Run")).to_contain_text("Run on Galaxy: done", timeout=240_000)
            expect(editor.locator(".nebulab-Pipeline-node.nebulab-mod-done")).to_have_count(2)
            chromium.picture(page, "pipeline-on-galaxy")
            made = client.get("/api/contents/second.txt").raise_for_status().json()["content"]
    finally:
        galaxy.stop_session(point["id"])
    assert made == "FROM THE FIRST"
    workflows = [one["name"] for one in galaxy.gi.workflows.get_workflows()]
    assert "test" in workflows
