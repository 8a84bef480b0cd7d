"""What Galaxy would collect from a notebook that runs as a job."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nebulab.session.layout import Layout
from nebulab.session.outputs.collected import read_lost, write_lost
from nebulab.session.outputs.elements import Datatypes
from nebulab.session.outputs.results import COLLECTIONS, Results


class Job:
    """A job's folder, and what Galaxy would collect from it."""

    def __init__(self, root: Path, max_outputs: int = 100, disk_bytes: int | None = None) -> None:
        self.layout = Layout(root / "working")
        self.layout.results.mkdir(parents=True)
        self.notebook, self.arrays = root / "notebook.dat", root / "arrays.dat"
        self.notebook.touch()
        self.arrays.touch()
        self.messages: list[str] = []
        self.results = Results(
            self.layout,
            Datatypes(["onnx", "json", "txt", "h5", "ipynb"]),
            self.messages.append,
            datasets={"notebook.ipynb": self.notebook, "arrays.h5": self.arrays},
            max_outputs=max_outputs,
            name="train.py",
            job_id="abc",
            disk_bytes=disk_bytes,
        )
        self.results.begin(b"the program")

    def write(self, path: str, content: str = "content") -> None:
        file = self.layout.results / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def collected(self, name: str) -> dict[str, str]:
        self.results.update()
        elements = json.loads(self.layout.metadata.read_text())[name]["elements"]
        return {one["name"]: (self.layout.root / one["filename"]).read_text() for one in elements}


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_before_anything_is_made_the_program_is_the_executed_notebook(job: Job) -> None:
    assert job.notebook.read_bytes() == b"the program"
    assert job.collected("onnx_models") == {}


def test_folders_become_collections_and_files_become_datasets(job: Job) -> None:
    job.write("models/net.onnx", "graph")
    job.write("cards/net.json", "{}")
    job.write("arrays.h5", "arrays")
    assert job.collected("onnx_models") == {"onnx_model_net.onnx": "graph"}
    assert job.collected("model_cards") == {"net": "{}"}
    assert job.arrays.read_text() == "arrays"


def test_files_for_later_steps_are_named_by_their_paths(job: Job) -> None:
    job.write("step_files/steps/data/clean.txt", "a")
    job.write("step_files/clean.txt", "b")
    assert job.collected("step_files") == {"clean.txt": "b", "steps/data/clean.txt": "a"}


def test_what_is_written_again_or_deleted_is_noticed(job: Job) -> None:
    job.write("files/a.txt", "old")
    job.write("arrays.h5", "old")
    assert job.collected("files") == {"a": "old"}
    job.write("files/a.txt", "newer")
    job.write("arrays.h5", "newer")
    assert job.collected("files") == {"a": "newer"}
    assert job.arrays.read_text() == "newer"
    (job.layout.results / "files" / "a.txt").unlink()
    assert job.collected("files") == {}
    assert len(list(job.layout.mirror.iterdir())) == 1, "links that nobody needs are deleted"


def test_more_files_than_galaxy_takes_are_told(tmp_path: Path) -> None:
    job = Job(tmp_path, max_outputs=3)
    for number in range(5):
        job.write(f"files/{number}.txt")
    job.write("models/net.onnx")
    assert list(job.collected("files")) == ["0", "1"]
    assert "Galaxy takes 3 files" in job.messages[0]


def test_what_a_lost_job_brings_by_itself_says_whose_it_is(job: Job) -> None:
    job.write("models/net.onnx", "graph")
    job.write("arrays.h5", "arrays")
    job.results.update()
    write_lost(job.results.lost(), job.layout)
    found = {one.tags[1]: one for one in read_lost(job.layout) if one.elements}
    assert set(found) == {"onnx_models", "outfile_output_arrays"}
    assert found["onnx_models"].name == "ONNX models of train.py, recovered"
    assert found["onnx_models"].is_collection
    assert found["outfile_output_arrays"].tags == ["nebulab-job-abc", "outfile_output_arrays"]
    assert found["outfile_output_arrays"].elements[0]["ext"] == "h5"
    assert (job.layout.root / found["outfile_output_arrays"].elements[0]["filename"]).read_text() == "arrays"


def test_files_of_holes_are_neither_collected_nor_copied_nor_sent(tmp_path: Path) -> None:
    job = Job(tmp_path, disk_bytes=20 << 20)
    job.write("files/a.txt", "kept")
    for name in ("arrays.h5", "files/holes.bin"):
        job.write(name)
        os.truncate(job.layout.results / name, 150 << 30)
    assert job.collected("files") == {"a": "kept"}
    assert job.arrays.stat().st_size == 0
    assert [element["name"] for lost in job.results.lost() for element in lost.elements] == ["a"]
    assert [message.split(" is not")[0] for message in job.messages] == [
        "'arrays.h5' (150.0 GB)",
        "'files/holes.bin' (150.0 GB)",
    ]


REPORT = '{"counts": {"array": 2}}'


def test_the_history_shows_four_outputs_and_no_empty_one(job: Job) -> None:
    job.write("arrays.h5", "no values")
    job.write("harvest.json", '{"counts": {"code": 2}}')
    job.write("files.zip", "")
    job.results.update()
    assert job.results.worth_showing() == ["executed_notebook"]
    assert set(job.results.empty()) == {*COLLECTIONS.values(), "outfile_output_arrays"}
    for folder in ("models", "tables", "figures", "files", "cards", "native_models"):
        job.write(f"{folder}/one.txt")
    job.write("harvest.json", REPORT)
    job.results.update()
    assert job.results.worth_showing() == ["executed_notebook", "onnx_models", "native_models", "figures"]


@pytest.mark.parametrize("report", ["", "[]", "{}", '{"counts": 1}', '{"counts": {"array": "x"}}', "[" * 100_000])
def test_a_broken_report_names_no_arrays(job: Job, report: str) -> None:
    job.write("arrays.h5")
    job.write("harvest.json", report)
    job.results.update()
    assert job.results.worth_showing() == ["executed_notebook"]


def test_what_a_failed_training_made_is_sent_and_then_no_output_of_the_job(job: Job) -> None:
    job.write("tables/t.csv", "1")
    job.write("arrays.h5", "values")
    job.write("harvest.json", REPORT)
    job.results.update()
    assert job.results.worth_showing() == ["executed_notebook", "tables", "outfile_output_arrays"]
    sent = {output.tags[1]: output for output in job.results.made_before_failure()}
    assert set(sent) == {"tables", "outfile_output_arrays"}
    assert sent["tables"].name == "Tables of train.py, made before it failed"
    assert job.collected("tables") == {"t": "1"}
    job.results.forget()
    assert job.collected("tables") == {}
    job.write("tables/u.csv", "2")
    assert job.collected("tables") == {}
    assert job.results.worth_showing() == ["executed_notebook"]
    # The files are there until they have been sent.
    assert (job.layout.root / sent["tables"].elements[0]["filename"]).read_text() == "1"


def test_galaxy_shows_what_it_is_told_of_an_output(job: Job) -> None:
    job.write("files/a.txt")
    job.results.update()
    job.results.note("executed_notebook", "Cell 2 of 3 failed: KeyError: 'x'")
    job.write("files/b.txt")
    assert set(job.collected("files")) == {"a", "b"}
    told = json.loads(job.layout.metadata.read_text())["executed_notebook"]
    assert told == {"info": "Cell 2 of 3 failed: KeyError: 'x'", "stdout": "", "stderr": ""}
