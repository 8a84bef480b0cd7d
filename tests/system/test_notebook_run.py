"""`nebulab run` in a real kernel: what it makes, and every way it can go wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import nbformat
import pytest

import nebulab
from support import kernelspec

pytestmark = pytest.mark.system


@pytest.fixture(autouse=True)
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernelspec.provide(tmp_path / "jupyter", monkeypatch)
    monkeypatch.setenv("PYTHONPATH", str(Path(nebulab.__file__).parents[1]))


class Run:
    """One call of the command, on a script in a folder of its own."""

    def __init__(self, folder: Path, text: str, *options: str, name: str = "train.py", **variables: str) -> None:
        self.work = folder / "work"
        self.work.mkdir(exist_ok=True)
        (self.work / name).write_text(text.lstrip())
        self.results = self.work / "train.run"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nebulab", "run", name, *options],
            cwd=self.work,
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""

    def ended(self, seconds: float = 120) -> int:
        self.said, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode

    def report(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.results / "harvest.json").read_text())
        return told

    def fates(self) -> dict[str, str]:
        return {one["name"]: one["fate"] for one in self.report()["globals"]}

    def reason(self, name: str) -> str:
        kept: list[dict[str, str]] = self.report()["globals"]
        return next(one.get("reason", "") for one in kept if one["name"] == name)

    def arrays(self) -> dict[str, Any]:
        loaded: dict[str, Any] = nebulab.load(self.results / "arrays.h5")
        return loaded

    def notebook(self) -> Any:
        return nbformat.read(self.results / "train.ipynb", as_version=4)

    def wait_for(self, path: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not (self.work / path).exists():
            assert time.monotonic() < deadline and self.process.poll() is None, f"waited in vain for {path}"
            time.sleep(0.05)


def test_everything_that_a_script_makes_is_kept(tmp_path: Path) -> None:
    text = """
# %% tags=["parameters"]
epochs = 1
# %%
import numpy as np, pandas as pd, pathlib
import matplotlib.pyplot as plt
X_train = np.arange(6.0).reshape(2, 3)
loss = [1 / (n + 1) for n in range(epochs)]
table = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=["one", "two"])
def helper(): pass
# %%
fig, ax = plt.subplots()
ax.plot(loss)
# %%
pathlib.Path("deep").mkdir()
pathlib.Path("deep/made.txt").write_text("here")
print("done")
"""
    run = Run(tmp_path, text, "-p", "epochs", "3")
    assert run.ended() == 0, run.said
    assert "| done" in run.said
    assert "cell 4/5 ran in" in run.said
    kept = run.arrays()
    assert kept["X_train"].shape == (2, 3)
    assert kept["loss"] == [1, 1 / 2, 1 / 3]
    assert nebulab.load(run.results)["table"].loc["two", "b"] == "y"
    assert run.fates() | {"helper": "code", "np": "code", "fig": "figure", "epochs": "array"} == run.fates()
    assert run.reason("ax")
    # What a variable holds is kept under its name, and not once more as it was shown.
    assert {path.name for path in (run.results / "figures").iterdir()} == {"fig.png", "fig.svg"}
    assert (run.results / "files" / "deep" / "made.txt").read_text() == "here"
    assert zipfile.ZipFile(run.results / "files.zip").namelist() == ["deep/made.txt"]
    assert run.notebook().cells[-1].outputs[0].text == "done\n"
    assert set((run.results / "log.txt").read_text().splitlines()) <= set(run.said.splitlines())


def test_a_failing_cell_is_told_and_what_was_there_is_kept(tmp_path: Path) -> None:
    run = Run(tmp_path, "# %%\nx = 41\n# %%\nnumbers = []\nsum(numbers) / len(numbers)\n# %%\nprint('never')\n")
    assert run.ended() == 1
    assert (
        "Cell 2 of 3 failed: ZeroDivisionError: division by zero\n\nnumbers = []\nsum(numbers) / len(numbers)"
        in run.said
    )
    assert run.said.rstrip().endswith("ZeroDivisionError: division by zero")
    assert run.arrays() == {"x": 41, "numbers": []}
    assert run.report()["run"]["ending"] == "a cell failed"
    assert run.notebook().cells[1].outputs[0].ename == "ZeroDivisionError"


def test_a_display_of_a_wrong_type_costs_no_later_cell(tmp_path: Path) -> None:
    text = """
from IPython.display import display
display({"text/plain": 5}, raw=True)
display({"application/json": {"x": float("nan")}, "text/plain": "x"}, raw=True)
# %%
later = "reached"
"""
    run = Run(tmp_path, text)
    assert run.ended() == 0, run.said
    assert run.arrays() == {"later": "reached"}
    first, second = run.notebook().cells[0].outputs
    assert first.data == {"text/plain": "5"}
    assert "nan" in str(second.data["application/json"]).lower()
    assert "A display's text/plain is a number and no text: it is kept as text." in run.said
    assert "(a NaN or an infinite number): it is kept as text." in run.said
    assert "Message serialization" not in run.said


def test_errors_can_be_allowed(tmp_path: Path) -> None:
    run = Run(tmp_path, "# %%\n1 / 0\n# %%\nx = 1\n", "--allow-errors")
    assert run.ended() == 0, run.said
    assert run.arrays() == {"x": 1}


def test_a_kernel_that_dies_is_told_with_its_cell(tmp_path: Path) -> None:
    run = Run(tmp_path, "# %%\nopen('made.txt', 'w').write('here')\n# %%\nimport os; os.abort()\n")
    assert run.ended() == 1
    assert "The kernel died in cell 2 (signal 6)" in run.said
    assert (run.results / "files" / "made.txt").read_text() == "here"
    assert len(run.notebook().cells) == 2


def test_out_of_memory_is_told_as_such(tmp_path: Path) -> None:
    """The kernel is killed as the system does it, when it has most of the memory that the job may use."""
    text = """
import os, signal, time
held = bytearray(400 * 2**20)
time.sleep(1.5)
os.kill(os.getpid(), signal.SIGKILL)
"""
    run = Run(tmp_path, text, GALAXY_MEMORY_MB="450")
    assert run.ended() == 1
    assert "most likely out of memory" in run.said
    assert run.report()["run"]["ending"] == "the kernel ran out of memory"


@pytest.mark.parametrize(
    ("options", "ending"),
    [(["--cell-timeout", "2"], "a cell took too long"), (["--timeout", "4"], "the time limit was reached")],
)
def test_a_time_limit_keeps_what_is_there(tmp_path: Path, options: list[str], ending: str) -> None:
    run = Run(tmp_path, "# %%\nx = [1, 2]\n# %%\nimport time\nprint('long', flush=True)\ntime.sleep(600)\n", *options)
    assert run.ended(60) == 3
    assert run.report()["run"]["ending"] == ending
    assert run.arrays() == {"x": [1, 2]}
    assert run.notebook().cells[1].outputs[0].text == "long\n"


def test_a_stop_is_harvested_at_once(tmp_path: Path) -> None:
    run = Run(tmp_path, "# %%\nx = 5\n# %%\nopen('here', 'w').close()\nwhile True: pass\n")
    run.wait_for("here")
    begun = time.monotonic()
    run.process.send_signal(signal.SIGTERM)
    assert run.ended(30) == 3
    assert time.monotonic() - begun < 10
    assert run.arrays() == {"x": 5}
    assert run.report()["run"]["ending"] == "the run was stopped"


def test_a_kernel_that_does_not_let_go_is_ended(tmp_path: Path) -> None:
    text = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
open('here', 'w').close()
time.sleep(600)
"""
    run = Run(tmp_path, text)
    run.wait_for("here")
    run.process.send_signal(signal.SIGTERM)
    assert run.ended(60) == 3
    assert "did not let go" in run.said


def test_hostile_globals_spoil_nothing(tmp_path: Path) -> None:
    text = """
import time
class Raises:
    def __getattr__(self, name): raise RuntimeError("no " + name)
    def __repr__(self): raise RuntimeError("no repr")
class Hangs:
    def __getattribute__(self, name): time.sleep(600)
    def __repr__(self): time.sleep(600)
class RandomForestClassifier:
    __module__ = "sklearn.ensemble._forest"
    def predict(self, X): raise SystemExit
class Lies(list):
    @property
    def __class__(self): return dict
raises, hangs, forest, lies = Raises(), Hangs(), RandomForestClassifier(), Lies([1])
lock = __import__("threading").Lock()
stream = open("made.txt", "w")
after = "kept"
"""
    run = Run(tmp_path, text)
    assert run.ended() == 0, run.said
    fates = run.fates()
    assert run.arrays() == {"after": "kept"}
    for name in ("raises", "hangs", "forest", "lies", "lock", "stream"):
        assert fates[name] == "not kept"
        assert run.reason(name)


def test_ten_thousand_globals_are_kept(tmp_path: Path) -> None:
    run = Run(tmp_path, "for n in range(10_000): globals()[f'v{n}'] = n * 1.5\n")
    assert run.ended() == 0, run.said
    kept = run.arrays()
    assert len(kept) == 10_001
    assert kept["v9999"] == 9999 * 1.5


def test_a_large_array_is_streamed(tmp_path: Path) -> None:
    """Neither in one piece nor across its memory's order is it copied as a whole."""
    text = """
import numpy as np, resource
straight = np.ones((1000, 131072))
across = straight.T
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""
    run = Run(tmp_path, text)
    assert run.ended() == 0, run.said
    import h5py

    with h5py.File(run.results / "arrays.h5") as file:
        assert file["straight"].shape == (1000, 131072)
        assert file["across"].shape == (131072, 1000)
        assert float(file["across"][131071, 999]) == 1
        used = int(file["used"][()]) * 1024
    assert run.report()["run"]["peak_memory_bytes"] < used + 400 * 2**20


def test_limits_are_told(tmp_path: Path) -> None:
    run = Run(tmp_path, "import numpy as np\nlarge = np.zeros(2**21)\nsmall = 1\n", "--max-object-gb", "0.001")
    assert run.ended() == 0, run.said
    assert run.arrays() == {"small": 1}
    assert "limits the size" in run.reason("large")
    assert "large: not kept" in run.said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-p", "epoch", "3"], "Did you mean epochs?"),
        (["--kernel", "julia"], "There is no kernel 'julia'"),
        (["-p", "not a name", "3"], "can't be a parameter"),
    ],
)
def test_bad_input_is_told_before_anything_runs(tmp_path: Path, options: list[str], said: str) -> None:
    run = Run(tmp_path, '# %% tags=["parameters"]\nepochs = 1\n# %%\nopen("ran", "w")\n', *options)
    assert run.ended() in {1, 2}
    assert said in run.said
    assert not (run.work / "ran").exists()


def test_in_place_nothing_else_is_written(tmp_path: Path) -> None:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("20 + 22")])
    run = Run(tmp_path, nbformat.writes(made), "--in-place", name="train.ipynb")
    assert run.ended() == 0, run.said
    assert [path.name for path in run.work.iterdir()] == ["train.ipynb"]
    executed = nbformat.read(run.work / "train.ipynb", as_version=4)
    assert executed.cells[0].outputs[0].data["text/plain"] == "42"


def test_the_notebook_is_on_disk_before_the_next_cell(tmp_path: Path) -> None:
    text = """
# %%
print('first')
# %%
import json
seen = json.load(open('train.run/train.ipynb'))['cells'][0]['outputs']
"""
    run = Run(tmp_path, text)
    assert run.ended() == 0, run.said
    assert run.arrays()["seen"][0]["text"] == ["first\n"]
