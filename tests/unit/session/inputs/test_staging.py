"""Inputs of a job as the user finds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nebulab.errors import StagingError
from nebulab.session.inputs.staging import Request, inputs_of, read_request, stage
from nebulab.session.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "job" / "working")


def dataset(
    path: Path, staged: str, content: str = "content", metadata: dict[str, str] | None = None
) -> dict[str, Any]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    extra = []
    for ending, text in (metadata or {}).items():
        file = path.with_suffix(f".{ending}.meta")
        file.write_text(text)
        extra.append({"staging_path": f"{staged}.{ending}", "source_path": str(file)})
    return {"staging_path": staged, "source_path": str(path), "element_identifier": staged, "metadata_files": extra}


def given(name: str, selector: str, value: Any) -> dict[str, Any]:
    return {"input_name": name, "input_type": {"input_type_selector": selector, "input_value": value}}


def staged(layout: Layout, *inputs: dict[str, Any]) -> dict[str, Any]:
    stage(Request(inputs=inputs), layout)
    told: dict[str, Any] = json.loads((layout.staged / "galaxy_inputs.json").read_text())
    return told


def test_a_dataset_is_a_list_of_one_with_a_path_relative_to_the_working_folder(layout: Layout, tmp_path: Path) -> None:
    found = staged(layout, given("table", "dataset", dataset(tmp_path / "d1.dat", "my table.tabular", "a\tb")))
    assert found == {"table": [{"path": "galaxy_inputs/table/my table.tabular", "metadata_files": []}]}
    assert (layout.work / found["table"][0]["path"]).read_text() == "a\tb"


def test_metadata_files_lie_beside_their_dataset(layout: Layout, tmp_path: Path) -> None:
    value = dataset(tmp_path / "d1.dat", "reads.bam", metadata={"bai": "index"})
    (entry,) = staged(layout, given("reads", "dataset", value))["reads"]
    assert entry["metadata_files"] == ["galaxy_inputs/reads/reads.bam.bai"]
    assert (layout.work / entry["metadata_files"][0]).read_text() == "index"


def test_a_nested_collection_keeps_its_folders(layout: Layout, tmp_path: Path) -> None:
    pair = [dataset(tmp_path / f"{side}.dat", f"sample 1/{side}.fastq", side) for side in ("forward", "reverse")]
    found = staged(layout, given("pairs", "dataset_collection_list_paired", pair))
    assert [entry["path"] for entry in found["pairs"]] == [
        "galaxy_inputs/pairs/sample 1/forward.fastq",
        "galaxy_inputs/pairs/sample 1/reverse.fastq",
    ]


@pytest.mark.parametrize("value", [None, [], [None], {"staging_path": "None.data", "source_path": None}])
def test_an_optional_dataset_that_was_left_out_is_an_empty_list(layout: Layout, value: Any) -> None:
    assert staged(layout, given("maybe", "dataset_optional", value)) == {"maybe": []}


@pytest.mark.parametrize("value", ["text with ' and \" and ü", 42, 0.5, True, None, "#ff0000"])
def test_other_values_are_plain(layout: Layout, value: Any) -> None:
    assert staged(layout, given("value", "text", value)) == {"value": value}


def test_two_datasets_of_one_name_both_arrive(layout: Layout, tmp_path: Path) -> None:
    twins = [dataset(tmp_path / f"{number}.dat", "a.bam", str(number), {"bai": f"index {number}"}) for number in (1, 2)]
    found = staged(layout, given("twins", "dataset_multiple", twins))["twins"]
    assert [(layout.work / entry["path"]).read_text() for entry in found] == ["1", "2"]
    assert [(layout.work / entry["metadata_files"][0]).read_text() for entry in found] == ["index 1", "index 2"]


def test_one_dataset_chosen_twice_is_one_file(layout: Layout, tmp_path: Path) -> None:
    one = dataset(tmp_path / "1.dat", "a.txt")
    found = staged(layout, given("twice", "dataset_multiple", [one, one]))["twice"]
    assert found[0] == found[1]


def test_two_inputs_of_one_name_are_refused(layout: Layout) -> None:
    with pytest.raises(StagingError, match="Two inputs are named 'same'"):
        staged(layout, given("same", "text", "a"), given("same", "text", "b"))


@pytest.mark.parametrize("name", ["", "..", "a/b", "../../etc", "a b", "naïve", "x\n"])
def test_a_name_that_is_no_word_is_refused(layout: Layout, name: str) -> None:
    with pytest.raises(StagingError, match="ASCII letters and digits"):
        staged(layout, given(name, "text", "a"))


@pytest.mark.parametrize("path", ["../up.txt", "/etc/passwd", "a/../../../up.txt", "", "nul\0.txt"])
def test_a_dataset_cannot_leave_its_folder(layout: Layout, tmp_path: Path, path: str) -> None:
    with pytest.raises(StagingError, match="outside of its folder"):
        staged(layout, given("trick", "dataset", dataset(tmp_path / "d.dat", path)))


def test_an_element_cannot_be_laid_out_through_another(layout: Layout, tmp_path: Path) -> None:
    """The first element is a link to a folder elsewhere, the second would be written through it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder = {"staging_path": "a", "source_path": str(elsewhere)}
    with pytest.raises(StagingError, match="can't be laid out"):
        staged(layout, given("trick", "dataset_collection", [folder, dataset(tmp_path / "d.dat", "a/b")]))
    assert not list(elsewhere.iterdir())


def test_what_links_lead_to_is_returned_for_the_sandbox(layout: Layout, tmp_path: Path) -> None:
    value = dataset(tmp_path / "d1.dat", "reads.bam", metadata={"bai": "index"})
    assert stage(Request(inputs=(given("reads", "dataset", value),)), layout) == (
        tmp_path / "d1.bai.meta",
        tmp_path / "d1.dat",
    )


def test_the_form_is_read(tmp_path: Path) -> None:
    form = {
        "mode": {
            "mode_select": "previous",
            "ipynb": {"element_identifier": "mine", "source_path": "/data/1.dat"},
            "run_it": True,
        },
        "user_inputs": [given("a", "text", "b")],
    }
    file = tmp_path / "galaxy_inputs.json"
    file.write_text(json.dumps(form))
    request = read_request(file)
    assert (request.mode, request.run_it, request.notebook, request.notebook_name) == (
        "previous",
        True,
        Path("/data/1.dat"),
        "mine",
    )
    assert request.inputs == (given("a", "text", "b"),)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"mode": 1}', '{"mode": {}}'])
def test_a_form_of_another_kind_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "galaxy_inputs.json"
    file.write_text(content)
    with pytest.raises(StagingError, match="can't be read"):
        read_request(file)


@pytest.mark.parametrize(
    "broken",
    [
        {"input_name": "x"},
        {"input_name": "x", "input_type": None},
        {"input_name": "x", "input_type": {"input_value": 1}},
        given("x", "dataset", {"source_path": "/d1.dat"}),
        given("x", "dataset", "d1"),
        given("x", "dataset", {"source_path": "/d1.dat", "staging_path": "d1", "metadata_files": [{}]}),
    ],
)
def test_an_input_of_another_form_is_told(layout: Layout, broken: dict[str, Any]) -> None:
    with pytest.raises(StagingError, match="user input 2"):
        stage(Request(inputs=(given("a", "integer", 1), broken)), layout)


def test_datasets_to_start_with_have_names_of_their_own(layout: Layout, tmp_path: Path) -> None:
    """Letters and digits of the dataset's name, never one that the user gave to another input."""
    chosen = [
        dataset(tmp_path / "d1.dat", "train.tsv", "first"),
        dataset(tmp_path / "d2.dat", "train.tsv", "second"),
        dataset(tmp_path / "d3.dat", "größe 1!"),
        dataset(tmp_path / "d4.dat", "日本"),
        dataset(tmp_path / "d5.dat", "n" * 200),
        None,
        {"staging_path": "left out", "element_identifier": "left out"},
    ]
    inputs = inputs_of({"user_inputs": [given("traintsv", "integer", 3)], "__datasets": chosen})
    told = staged(layout, *map(dict, inputs))
    assert list(told) == ["traintsv", "traintsv2", "traintsv3", "gre1", "dataset", "n" * 60]
    assert told["traintsv"] == 3
    [second] = told["traintsv3"]
    assert (layout.work / second["path"]).read_text() == "second"


@pytest.mark.parametrize("form", [{}, {"__datasets": None}, {"__datasets": []}, {"__datasets": [None]}])
def test_a_form_without_datasets_to_start_with_has_no_more_inputs(form: dict[str, Any]) -> None:
    """Workflows and tools' states from before they were there."""
    assert inputs_of(form) == ()


def test_one_dataset_to_start_with_needs_no_list(tmp_path: Path) -> None:
    [only] = inputs_of({"__datasets": dataset(tmp_path / "d1.dat", "a.csv")})
    assert only["input_name"] == "acsv"
