"""The pipeline editor in a real Chromium: a pipeline is drawn, checked, run and saved with mouse and keyboard, and what
the editor does not know of the file survives."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from nebulab.session.inputs.start import default_notebooks
from support import chromium
from support import lab as support
from support.chromium import violations
from support.galaxy import wait_for
from support.lab import Lab
from support.pipelines import flow, node, program
from support.stack import ENVIRONMENTS

pytestmark = pytest.mark.system
expect.set_options(timeout=60_000)

PIPELINE = "breast_cancer_survival.pipeline"


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    request.getfixturevalue("installed")
    started = support.start(tmp_path_factory.mktemp("lab"), ENVIRONMENTS / "lab", ENVIRONMENTS / "kernels")
    source = default_notebooks()
    assert source is not None
    shutil.copytree(source / "elyra", started.folder / "work" / "elyra")
    yield started
    started.stop()


@pytest.fixture
def page(lab: Lab) -> Iterator[Page]:
    with chromium.opened() as opened:
        errors: list[str] = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.on("console", lambda said: errors.append(said.text) if _is_error(said) else None)
        opened.goto(f"{lab.url}/lab?token={support.TOKEN}")
        # Before that, keys are nobody's.
        opened.wait_for_function("() => window.jupyterapp?.restored.then(() => true)")
        yield opened
    assert errors == []


def _is_error(said: ConsoleMessage) -> bool:
    # A pipeline that is none is answered with 400, which Chromium notes by itself.
    return said.type == "error" and "status of 400" not in said.text


def open_pipeline(page: Page, lab: Lab, path: str) -> Locator:
    """Open a pipeline by its address, and return its editor."""
    page.goto(f"{lab.url}/lab/tree/{path}?reset")
    editor = page.locator(".nebulab-Pipeline:visible")
    editor.wait_for()
    return editor


def names(editor: Locator) -> list[str]:
    return editor.locator(".nebulab-Pipeline-list .nebulab-Pipeline-label").all_inner_texts()


def saved(page: Page, path: Path, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Save as a person does, and return the file's JSON once it is what was made."""
    page.keyboard.press("Control+s")

    def written() -> dict[str, Any] | None:
        try:
            read: dict[str, Any] = json.loads(path.read_text())
        except ValueError:  # JupyterLab writes in place
            return None
        return read if fits(read) else None

    return wait_for("the saved pipeline", written, 10)


def inner(flow: dict[str, Any], number: int) -> dict[str, Any]:
    """Return what a node of a pipeline's JSON has of the editor."""
    data: dict[str, Any] = flow["pipelines"][0]["nodes"][number]["app_data"]
    return data


def test_the_shipped_pipeline_is_shown_and_runs(page: Page, lab: Lab) -> None:
    editor = open_pipeline(page, lab, f"elyra/{PIPELINE}")
    expect(editor.locator(".nebulab-Pipeline-node")).to_have_count(4)
    assert names(editor) == ["Load", "Clean", "Learn", "Plot"]
    expect(editor.locator(".react-flow__edge")).to_have_count(3)
    expect(editor.get_by_role("region", name="Problems")).to_have_count(0)
    editor.get_by_role("button", name="Load").click()
    expect(editor.get_by_label("File dependencies")).to_have_value("data/cohort.csv")
    chromium.picture(page, "pipeline-editor")
    page.get_by_role("button", name="Run here").click()
    run = editor.get_by_role("region", name="Run")
    expect(run).to_contain_text("Run here: running")
    expect(page.get_by_role("button", name="Stop")).to_be_enabled()
    expect(editor.locator(".nebulab-Pipeline-node.nebulab-mod-running")).to_have_count(1)
    chromium.picture(page, "pipeline-running")
    expect(run).to_contain_text("Run here: done", timeout=180_000)
    expect(editor.locator(".nebulab-Pipeline-node.nebulab-mod-done")).to_have_count(4)
    chromium.picture(page, "pipeline-done")
    folder = lab.folder / "work" / "elyra"
    assert (folder / "data" / "linear_model_performance.png").is_file()
    assert (folder / "breast_cancer_survival.run" / "Learn.ipynb").is_file()
    # Nothing was changed by looking and running.
    assert json.loads((folder / PIPELINE).read_text()) == json.loads(
        (Path(str(default_notebooks())) / "elyra" / PIPELINE).read_text()
    )


def test_a_pipeline_is_drawn_with_the_mouse(page: Page, lab: Lab) -> None:
    work = lab.folder / "work" / "drawn"
    program(work, "first.ipynb", "open('made.txt', 'w').write('x')")
    program(work, "second.py", "print(open('made.txt').read())")
    page.goto(f"{lab.url}/lab/tree/drawn?reset")
    page.locator(".jp-DirListing-item", has_text="first.ipynb").wait_for()
    page.get_by_role("menuitem", name="File").click()
    page.locator(".lm-Menu-itemLabel", has_text="New").first.hover()
    page.locator(".lm-Menu-itemLabel", has_text="Pipeline").first.click()
    editor = page.locator(".nebulab-Pipeline:visible")
    expect(editor).to_contain_text("Drag notebooks and scripts from the file browser")
    chromium.picture(page, "pipeline-new")
    [path] = [file for file in work.iterdir() if file.suffix == ".pipeline"]
    box = editor.locator(".react-flow__pane").bounding_box()
    assert box is not None
    for name, x in (("first.ipynb", 60), ("second.py", 330)):
        page.locator(".jp-DirListing-item", has_text=name).hover()
        page.mouse.down()
        page.mouse.move(box["x"] + x, box["y"] + 100, steps=8)
        page.mouse.move(box["x"] + x + 90, box["y"] + 120, steps=4)
        page.mouse.up()
        editor.locator(".nebulab-Pipeline-node", has_text=name).wait_for()
    assert names(editor) == ["first.ipynb", "second.py"]

    first = editor.locator(".react-flow__node", has_text="first.ipynb")
    second = editor.locator(".react-flow__node", has_text="second.py")
    first.locator(".react-flow__handle.source").hover()
    page.mouse.down()
    target = second.locator(".react-flow__handle.target").bounding_box()
    assert target is not None
    page.mouse.move(target["x"] + 5, target["y"] + 5, steps=10)
    page.mouse.up()
    expect(editor.locator(".react-flow__edge")).to_have_count(1)

    # What a new node makes was read in its program.
    first.click()
    expect(editor.get_by_label("Output files")).to_have_value("made.txt")
    editor.get_by_label("Output files").fill("")
    second.click()
    editor.get_by_label("File dependencies").fill("made.txt")
    expect(editor.get_by_role("region", name="Problems")).to_contain_text("No file matches 'made.txt'")
    expect(page.get_by_role("button", name="Run here")).to_have_attribute("aria-disabled", "true")
    chromium.picture(page, "pipeline-problem")
    first.click()
    editor.get_by_label("Output files").fill("made.txt")
    expect(editor.get_by_role("region", name="Problems")).to_have_count(0)
    # It saves what was drawn, and runs that.
    page.get_by_role("button", name="Run here").click()
    expect(editor.get_by_role("region", name="Run")).to_contain_text("done", timeout=120_000)
    nodes = {
        one["app_data"]["component_parameters"]["filename"]: one
        for one in json.loads(path.read_text())["pipelines"][0]["nodes"]
    }
    [link] = nodes["second.py"]["inputs"][0]["links"]
    assert link["node_id_ref"] == nodes["first.ipynb"]["id"]
    assert nodes["first.ipynb"]["app_data"]["component_parameters"]["outputs"] == ["made.txt"]
    assert nodes["second.py"]["op"] == "execute-python-node"

    # A node is deleted with its arrow, and comes back.
    second.click()
    page.keyboard.press("Delete")
    expect(editor.locator(".react-flow__node")).to_have_count(1)
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(editor.locator(".react-flow__node")).to_have_count(2)
    expect(editor.locator(".react-flow__edge")).to_have_count(1)


def test_without_a_mouse(page: Page, lab: Lab) -> None:
    """Nodes are chosen in the list, and arrows are ticks of the form."""
    work = lab.folder / "work" / "keys"
    for name in ("a.py", "b.py"):
        program(work, name, "")
    (work / "keys.pipeline").write_text(json.dumps(flow(node("a.py"), node("b.py"))))
    editor = open_pipeline(page, lab, "keys/keys.pipeline")
    editor.get_by_role("button", name="b.py").focus()
    page.keyboard.press("Enter")
    tick = editor.get_by_role("checkbox", name="a.py")
    tick.focus()
    expect(tick).to_be_focused()
    page.keyboard.press("Space")
    expect(tick).to_be_checked()
    expect(editor.locator(".react-flow__edge")).to_have_count(1)
    editor.get_by_label("Name", exact=True).focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("Second")
    page.keyboard.press("Enter")
    expect(editor.get_by_role("button", name="Second")).to_be_visible()
    made = saved(page, work / "keys.pipeline", lambda made: inner(made, 1)["ui_data"]["label"] == "Second")
    written = made["pipelines"][0]["nodes"][1]
    assert written["inputs"][0]["links"][0]["node_id_ref"] == "a.py"
    editor.get_by_role("button", name="Second").focus()
    page.keyboard.press("Delete")
    expect(editor.locator(".react-flow__node")).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(editor.locator(".react-flow__node")).to_have_count(2)


def test_the_launcher_opens_a_new_one_without_a_menu(page: Page, lab: Lab) -> None:
    """As the predecessor's tutorial opens it."""
    chromium.from_launcher(page, ".jp-LauncherCard", "Pipeline Editor")
    expect(page.locator(".nebulab-Pipeline:visible")).to_contain_text("Drag notebooks and scripts")
    made = json.loads((lab.folder / "work" / "untitled.pipeline").read_text())
    assert made["version"] == "3.0"


def test_a_pipeline_too_large_to_be_drawn_says_so(page: Page, lab: Lab) -> None:
    path = lab.folder / "work" / "many.pipeline"
    path.write_text(json.dumps(flow(*(node(f"{number}.py") for number in range(10_000)))))
    editor = open_pipeline(page, lab, "many.pipeline")
    expect(editor.get_by_role("alert")).to_contain_text("10000 nodes, and the editor draws 300 at most")


def test_what_the_editor_does_not_know_survives(page: Page, lab: Lab) -> None:
    work = lab.folder / "work" / "kept"
    program(work, "a.py", "")
    made = flow(
        node("a.py", kubernetes_secrets=[{"env_var": "S", "name": "n", "key": "k"}], mounted_volumes=[{"path": "/x"}])
    )
    made["of_the_future"] = {"deep": [1, {"x": None}]}
    made["pipelines"][0]["app_data"]["ui_data"]["comments"] = [{"id": "c", "content": "Read me", "x_pos": 5}]
    made["pipelines"][0]["nodes"].append(
        {"id": "other", "type": "execution_node", "op": "catalog:1", "app_data": {"x": 1}}
    )
    path = work / "kept.pipeline"
    path.write_text(json.dumps(made))
    editor = open_pipeline(page, lab, "kept/kept.pipeline")
    expect(editor).to_contain_text("Read me")
    expect(editor.get_by_role("region", name="Problems")).to_contain_text("can't be run here")
    editor.get_by_role("button", name="a.py").click()
    editor.get_by_label("Environment variables").fill("ROUNDS=50")
    expected = json.loads(json.dumps(made))
    expected["pipelines"][0]["nodes"][0]["app_data"]["component_parameters"]["env_vars"] = [
        {"env_var": "ROUNDS", "value": "50"}
    ]
    saved(page, path, lambda read: read == expected)


def test_hostile_names_and_broken_files_are_told(page: Page, lab: Lab) -> None:
    work = lab.folder / "work" / "broken"
    work.mkdir()
    script = "<img src=x onerror=document.title='owned'>"
    (work / "hostile.pipeline").write_text(json.dumps(flow(node("gone.py", label=script), properties={"name": script})))
    (work / "broken.pipeline").write_text('{"pipelines": [')
    (work / "newer.pipeline").write_text(json.dumps(flow(node("a.py"), version=99)))
    editor = open_pipeline(page, lab, "broken/hostile.pipeline")
    expect(editor.get_by_role("region", name="Problems")).to_contain_text("There is no file 'gone.py'")
    assert names(editor) == [script]
    assert page.title() != "owned"
    editor = open_pipeline(page, lab, "broken/broken.pipeline")
    expect(editor.get_by_role("alert")).to_contain_text("is no pipeline")
    chromium.picture(page, "pipeline-broken")
    editor = open_pipeline(page, lab, "broken/newer.pipeline")
    expect(editor.get_by_role("alert")).to_contain_text("newer Elyra")


def test_an_older_file_is_upgraded_on_request(page: Page, lab: Lab) -> None:
    work = lab.folder / "work" / "old"
    program(work, "a.py", "")
    path = work / "old.pipeline"
    path.write_text(json.dumps(flow(node("a.py", env_vars=["A=1"]), version=7)))
    editor = open_pipeline(page, lab, "old/old.pipeline")
    editor.get_by_role("button", name="Upgrade").click()
    expect(editor.get_by_role("button", name="Upgrade")).to_have_count(0)
    written = saved(page, path, lambda made: made["pipelines"][0]["app_data"]["version"] == 8)["pipelines"][0]
    assert written["nodes"][0]["app_data"]["component_parameters"]["env_vars"] == [{"env_var": "A", "value": "1"}]


def test_a_failing_node_is_told_and_a_run_is_stopped(page: Page, lab: Lab) -> None:
    work = lab.folder / "work" / "fails"
    program(work, "bad.ipynb", "1 / 0")
    program(work, "slow.ipynb", "import time, pathlib; pathlib.Path('begun').touch(); time.sleep(600)")
    (work / "bad.pipeline").write_text(json.dumps(flow(node("bad.ipynb"), node("slow.ipynb", after=["bad.ipynb"]))))
    (work / "slow.pipeline").write_text(json.dumps(flow(node("slow.ipynb"))))
    editor = open_pipeline(page, lab, "fails/bad.pipeline")
    page.get_by_role("button", name="Run here").click()
    run = editor.get_by_role("region", name="Run")
    expect(run).to_contain_text("ZeroDivisionError", timeout=120_000)
    expect(editor.locator(".nebulab-mod-skipped").first).to_contain_text("not run")
    chromium.picture(page, "pipeline-failed")
    editor = open_pipeline(page, lab, "fails/slow.pipeline")
    page.get_by_role("button", name="Run here").click()
    wait_for("the slow node", (work / "begun").exists)
    # A page that is loaded anew finds the run.
    editor = open_pipeline(page, lab, "fails/slow.pipeline")
    expect(editor.get_by_role("region", name="Run")).to_contain_text("running")
    page.get_by_role("button", name="Stop").click()
    expect(editor.get_by_role("region", name="Run")).to_contain_text("The pipeline was stopped", timeout=60_000)


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)], ids=["1280", "1920"])
def test_nothing_overlaps_or_is_cut(page: Page, lab: Lab, theme: str, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    editor = open_pipeline(page, lab, f"elyra/{PIPELINE}")
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    dark = "true" if theme.endswith("Light") else "false"
    page.locator(f"body[data-jp-theme-light='{dark}']").wait_for(state="attached")
    editor.get_by_role("button", name="Learn").click()
    expect(editor.get_by_label("Output files")).to_be_visible()
    boxes = [box for one in editor.locator(".nebulab-Pipeline-node").all() if (box := one.bounding_box())]
    assert len(boxes) == 4
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            apart = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
            assert apart or one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
    wide = "element => element.scrollWidth > element.clientWidth + 1"
    assert not editor.locator(".nebulab-Pipeline-side").evaluate(wide)
    for label in editor.locator(".nebulab-Pipeline-node .nebulab-Pipeline-label").all():
        assert not label.evaluate(wide)
    chromium.picture(page, f"pipeline-{theme.split()[1].lower()}-{size[0]}")
    assert violations(page, ".nebulab-Pipeline") == []
