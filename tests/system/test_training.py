"""Trainings as jobs of the real Galaxy: sent from a session that ends, found again, their models proven and used."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from ct import thorax

from nebulab import harvest, kernel
from nebulab.errors import DatasetFailed, TransferError
from nebulab.kernel import connecting
from nebulab.kernel.histories import History
from nebulab.kernel.training import Training
from support.galaxy import TOOL, GalaxyUser, wait_for
from support.kernels import environment, execute
from support.stack import ENVIRONMENTS, ROOT, Stack

pytestmark = pytest.mark.system

SCIKIT = """
import numpy as np
from sklearn.ensemble import RandomForestClassifier
X_train = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
y = (X_train[:, 0] > 0).astype(int)
forest = RandomForestClassifier(n_estimators=10, random_state=0).fit(X_train, y)
expected = forest.predict(X_train)
"""

# As the predecessor's tool was tested: a loop of its own, a network that is neither compiled nor given a shape.
TENSORFLOW = """
import numpy as np
import tensorflow as tf
images = np.random.default_rng(0).random((64, 28, 28, 1)).astype("float32")
labels = np.random.default_rng(1).integers(0, 10, 64)
net = tf.keras.Sequential([
    tf.keras.layers.Conv2D(4, [3, 3], activation="relu"),
    tf.keras.layers.GlobalAveragePooling2D(),
    tf.keras.layers.Dense(10),
])
optimizer = tf.keras.optimizers.Adam()
loss_object = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
tot_loss = []
for start in range(0, 64, 16):
    with tf.GradientTape() as tape:
        loss_value = loss_object(labels[start:start + 16], net(images[start:start + 16], training=True))
    tot_loss.append(loss_value.numpy().mean())
    optimizer.apply_gradients(zip(tape.gradient(loss_value, net.trainable_variables), net.trainable_variables))
expected = net(images[:8]).numpy()
"""

SENDING = f"""
from pathlib import Path
from typing import Any
Path("forest.py").write_text({SCIKIT!r})
Path("network.py").write_text({TENSORFLOW!r})
sent = [history.train("forest.py", name="forest"), history.train("network.py", name="network")]
print([one.state for one in sent])
"""

USING = """
import numpy as np, nebulab
found = {one.name: one for one in history.trainings()}
forest, network = found["forest"].wait(), found["network"].wait()
kept = nebulab.load(forest.outputs["outfile_output_arrays"].path)
assert (forest.models["forest"].predict(kept["X_train"]) == kept["expected"]).all()
assert forest.models["forest"].card["verified"]
kept = nebulab.load(network.outputs["outfile_output_arrays"].path)
answer = network.models["net"].predict(kept["images"][:8])
assert np.allclose(answer, kept["expected"], atol=1e-4), abs(answer - kept["expected"]).max()
assert np.array(kept["tot_loss"]).shape == (4,)
print(forest.models, network.models, repr(forest))
"""


@pytest.fixture
def here(galaxy: GalaxyUser, history: str, enter: Callable[[GalaxyUser, str], History]) -> History:
    """The test's history, as a session's kernel sees it."""
    return enter(galaxy, history)


def run_in_session(galaxy: GalaxyUser, history: str, code: str) -> str:
    """Run code as a notebook in a session without a browser; return what it printed."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    dataset = galaxy.upload(history, nbformat.writes(made), "notebook.ipynb", "ipynb")
    inputs = {"mode|mode_select": "previous", "mode|ipynb": {"src": "hda", "id": dataset["id"]}, "mode|run_it": True}
    answer = galaxy.run_tool(history, TOOL, inputs)
    galaxy.succeed(answer["jobs"][0]["id"], timeout=600)
    notebook = galaxy.notebook(galaxy.output(answer, "jupyter_notebook")["id"])
    return "".join("".join(output.get("text", "")) for output in notebook["cells"][0]["outputs"])


INSTALLING = """
import zipfile
from pathlib import Path
Path("wheels").mkdir()
info, wheel = "thing-2.5.dist-info", "wheels/thing-2.5-py3-none-any.whl"
with zipfile.ZipFile(wheel, "w") as archive:
    archive.writestr("thing.py", "VERSION = 2.5")
    archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: thing\\nVersion: 2.5\\n")
    archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    archive.writestr(f"{info}/RECORD", "")
Path("uses_it.py").write_text("import thing; print('it is', thing.VERSION)")
packages = ["--no-index", "--find-links ../jupyter/wheels", "thing==2.5"]  # beside the list in the job's folder
training = history.train("uses_it.py", inputs=[wheel], packages=packages).wait()
print(training.log())
"""


def test_a_training_installs_its_packages_first(galaxy: GalaxyUser, history: str) -> None:
    printed = run_in_session(galaxy, history, INSTALLING)
    assert "thing==2.5" in printed.partition("cell 1/1 ran")[0]
    assert "it is 2.5" in printed


def written(name: str, text: str) -> str:
    Path(name).write_text(text)
    return name


def test_trainings_outlive_their_session_and_their_models_are_used(galaxy: GalaxyUser, history: str) -> None:
    assert "error" not in run_in_session(galaxy, history, SENDING)
    said = run_in_session(galaxy, history, USING)
    assert "<models: forest>" in said
    assert "<models: net>" in said
    assert "<training forest: done" in said


def test_a_failing_cell_fails_the_training_and_what_was_there_is_kept(here: History) -> None:
    training = here.train(written("bad.py", "# %%\nx = [1, 2]\n# %%\nraise RuntimeError('on purpose')\n"))
    assert isinstance(training, Training)
    with pytest.raises(DatasetFailed, match="on purpose"):
        training.wait(300)
    assert training.state == "error"
    assert "Cell 2 of 2 failed: RuntimeError: on purpose" in training.log()
    assert harvest.load(download(training, "outfile_output_arrays")) == {"x": [1, 2]}
    assert "failed" in repr(training)
    # What is good is no red output of the failed job, but an item of its own, of use to the next one.
    arrays = training.outputs["outfile_output_arrays"]
    assert (arrays.name, arrays.state) == ("Arrays and numbers of bad.py, made before it failed", "ok")


def visible(galaxy: GalaxyUser, history: str) -> list[dict[str, Any]]:
    """What the history's panel shows."""
    contents: list[dict[str, Any]] = galaxy.get(f"histories/{history}/contents", v="dev", view="detailed")
    return [item for item in contents if item["visible"] and not item["deleted"]]


def test_a_training_makes_four_items_and_a_failed_one_a_single_red_one(galaxy: GalaxyUser, history: str) -> None:
    good = "import pandas as pd\nx = [1, 2]\nt = pd.DataFrame({'a': [1]})\nopen('new.txt', 'w').write('x')\n"
    for name, text in {"good.py": good, "bad.py": f"{good}t['missing_column']\n"}.items():
        program = galaxy.upload(history, text, name, "txt")
        form = {"select_file": {"src": "hda", "id": program["id"]}}
        galaxy.wait_job(galaxy.run_tool(history, "run_jupyter_job", form)["jobs"][0]["id"])
    shown = [item for item in visible(galaxy, history) if item["name"] not in {"good.py", "bad.py"}]
    of_good = [item for item in shown if "good.py" in item["name"]]
    assert [re.sub(r"\d\d \w\w\w \d\d:\d\d", "TIME", item["name"]) for item in of_good] == [
        "Tables of good.py, TIME",
        "New files of good.py, TIME",
        "Arrays and numbers of good.py, TIME",
        "good.py, executed TIME",
    ]
    assert of_good[3]["misc_info"].startswith("All cells ran.")
    of_bad = {item["name"]: item for item in shown if "bad.py" in item["name"]}
    (red,) = (item for item in of_bad.values() if item.get("state") == "error")
    assert red["misc_info"] == "Cell 1 of 1 failed: KeyError: 'missing_column'"
    assert {name.partition(" of ")[0] for name in of_bad if "made before it failed" in name} == {
        "Tables",
        "Files",
        "Arrays and numbers",
    }
    assert len(of_bad) == 4


def test_a_missing_input_is_told_before_anything_runs(here: History, galaxy: GalaxyUser, history: str) -> None:
    written("train.py", "# %%\nprint('began')\n")
    with pytest.raises(TransferError, match=r"There is no file 'data/none\.h5'"):
        here.train("train.py", inputs=["data/none.h5"])
    program = galaxy.upload(history, "# %%\nprint('began')\n", "train.py", "txt")
    form = {"select_file": {"src": "hda", "id": program["id"]}, "ml_h5_dataset_paths": "data/none.h5"}
    job = galaxy.run_tool(history, "run_jupyter_job", form)["jobs"][0]["id"]
    ended = galaxy.wait_job(job)
    assert ended["state"] == "error"
    assert "File names given: 1; datasets chosen: 0" in ended["tool_stderr"]
    assert "began" not in ended["tool_stdout"]
    (red,) = [item for item in visible(galaxy, history) if item.get("state") == "error"]
    assert red["misc_info"].startswith("File names given: 1; datasets chosen: 0. Choose one dataset")


def test_the_ct_example_trains_on_the_cluster_and_its_model_is_used(
    galaxy: GalaxyUser, history: str, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    shutil.copytree(ROOT / "examples" / "ct-segmentation", work, ignore=shutil.ignore_patterns("__pycache__"))
    thorax.write(work / "h5_datasets" / "ct.h5", train=1, valid=1, test=2, slices=8)
    for name in ("4_train_on_the_cluster", "5_predict_with_its_model"):
        notebook = nbformat.read(work / f"{name}.ipynb", 4)
        small = 'parameters = {"width": 2, "epochs": 1}'
        place = next(
            number for number, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())
        )
        notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(small))
        execute(notebook, environment(galaxy, history, work), work)
    difference = float(notebook.cells[-1].outputs[0]["data"]["text/plain"])
    assert difference < 1e-4  # the same by nebulab.load and by ONNX Runtime itself
    assert "CT masks.png" in {item["name"] for item in visible(galaxy, history)}


LOST = """\
# %%
import numpy as np, os, time
from sklearn.linear_model import LogisticRegression
X = np.random.default_rng(0).normal(size=(100, 3)).astype("float32")
model = LogisticRegression().fit(X, X[:, 0] > 0)
expected = model.predict(X)
import zipfile
zipfile.ZipFile("nothing.zip", "w").close()  # Galaxy takes none in
open("page.html", "w").write("<script>1</script>")
# %%
while not os.path.exists("go"):
    time.sleep(0.5)
"""


SAME = """
import nebulab
from nebulab.kernel.histories import History
(training,) = (one for one in History().trainings() if one.id == "{id}")
kept = nebulab.load(training.outputs["outfile_output_arrays"].path)
assert (training.models["model"].predict(kept["X"]) == kept["expected"]).all()
"""


def test_galaxy_restarted_while_a_training_runs(doomed: Stack, enter: Callable[[GalaxyUser, str], History]) -> None:
    """Galaxy calls it failed; it goes on, says so in the history, and its results are found by the same handle."""
    galaxy = GalaxyUser(doomed.url, doomed.user.key)
    here = enter(galaxy, galaxy.new_history("restarted"))
    training = here.train(written("long.py", LOST), name="long")
    wait_for("the first cell", lambda: training.cell == (1, 2) or None, timeout=120, interval=1)
    doomed.kill("galaxy", signal.SIGTERM)
    time.sleep(5)
    wait_for("Galaxy", lambda: doomed.part("galaxy")["state"] == "running", timeout=200, interval=2)
    with pytest.raises(DatasetFailed, match="killed when Galaxy was restarted"):
        training.wait(60)
    wait_for("the message", lambda: [one for one in here if "lost by Galaxy, goes on" in one.name], 120, 2)
    next(doomed.data_dir.rglob("working/jupyter/page.html")).with_name("go").touch()
    wait_for("the results", lambda: "recovered" in training.outputs["run_log"].name, 300, 2)
    training.outputs["outfile_output_arrays"].wait()
    training.outputs["onnx_models"].wait()
    # Where this runs there is no ONNX Runtime; the kernels have it.
    subprocess.run([ENVIRONMENTS / "kernels" / "bin" / "python", "-c", SAME.format(id=training.id)], check=True)
    assert "cell 2/2 ran" in training.outputs["run_log"].wait().read()
    assert {element.name for element in training.outputs["model_cards"].wait().elements} >= {"model.html", "model.json"}
    wait_for("the files", lambda: "(a tar file)" in training.outputs["files"].name, 120, 2)
    with tarfile.open(training.outputs["files"].wait().path) as archive:
        assert {"nothing.zip", "page.html"} <= {Path(name).name for name in archive.getnames()}


def test_inputs_and_parameters_reach_the_program(here: History, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "numbers.txt").write_text("41\n")
    code = """
# %% tags=["parameters"]
step = 0
# %%
number = int(open("deep/numbers.txt").read()) + step + GALAXY_INPUTS["more"]
named = open(GALAXY_INPUTS["table"][0]["path"]).read()
"""
    table = here.put("a\tb\n1\t2\n", name="table.tsv")
    given = {"deep/numbers.txt": tmp_path / "deep" / "numbers.txt", "table": table, "more": 100}
    training = here.train(written("uses.py", code), inputs=given, parameters={"step": 1})
    training.wait(300)
    kept = harvest.load(download(training, "outfile_output_arrays"))
    assert kept["number"] == 142
    assert kept["named"] == "a\tb\n1\t2\n"
    count = len(here)
    again = here.train("uses.py", inputs=given, parameters={"step": 2})
    again.cancel()
    sent = [
        dataset.name for dataset in here.find() if dataset.hid > count and dataset.name in {"uses.py", "numbers.txt"}
    ]
    assert sent == [], "the history holds these files already"


def test_a_training_shows_its_cells_while_it_runs(here: History) -> None:
    training = here.train(written("long.py", "# %%\nprint('began')\n# %%\nimport time; time.sleep(600)\n"))
    wait_for("the first cell", lambda: training.cell == (1, 2) or None, timeout=120, interval=1)
    assert "| began" in training.log()
    assert "1 of 2 cells" in repr(training)
    assert not training.ended
    training.cancel()
    wait_for("the end", lambda: training.ended or None, timeout=60, interval=1)
    assert [one.id for one in here.trainings()] == [training.id]


CHECKPOINTED = """
import json, nebulab, os, signal
folder = nebulab.checkpoint("loop")
state = folder / "state.json"
begun = json.loads(state.read_text())["epoch"] if state.exists() else 0
for epoch in range(begun, 4):
    state.write_text(json.dumps({"epoch": epoch + 1}))
    if epoch == 1:
        folder.save()
    if epoch == 2 and begun == 0:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_training_goes_on_from_its_checkpoint(here: History) -> None:
    first = here.train(written("loop.py", CHECKPOINTED))
    with pytest.raises(DatasetFailed, match="The kernel died"):
        first.wait(300)
    second = here.train("loop.py").wait(300)
    kept = harvest.load(download(second, "outfile_output_arrays"))
    assert (kept["begun"], kept["epoch"]) == (2, 3)
    assert len(here.find(tag="nebulab-checkpoint")) == 1, "an older version is not kept"


def test_the_predecessors_call_works(here: History) -> None:
    """`run_script_job`: a new history, the data's paths as the code names them, and the end is awaited."""
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("content = open('data/words.txt').read()"),
            nbformat.v4.new_code_cell("count = len(content.split())"),
        ]
    )
    Path("data").mkdir()
    Path("data/words.txt").write_text("one two three\n")
    answer = kernel.run_script_job(written("count.ipynb", nbformat.writes(notebook)), ["data/words.txt"])
    job = answer["e_job"]["jobs"][0]["id"]
    shown = answer["job_client"].show_job(job, full_details=True)
    assert shown["state"] == "ok"
    training = Training(connecting.connect(), job, "")
    assert harvest.load(download(training, "outfile_output_arrays")) == {"content": "one two three\n", "count": 3}


def download(training: Training, name: str) -> Path:
    """Fetch an output, also one of a failed job, which the kernel's own functions refuse."""
    dataset = training.outputs[name]
    target = Path(f"{name}-{training.id}.h5")
    galaxy = connecting.connect()
    user = GalaxyUser(galaxy.url, galaxy.settings.key)
    target.write_bytes(user.content(dataset.id))
    return target
