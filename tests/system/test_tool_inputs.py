"""Every input type of the tool, on the real Galaxy: what the notebook finds in GALAXY_INPUTS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.galaxy import TOOL, GalaxyUser

pytestmark = pytest.mark.system

TELL = """
import json
def told(value):
    if isinstance(value, list):
        return [[one["path"], open(one["path"]).read(), one["metadata_files"]] for one in value]
    return value
with open("outputs/inputs.json", "w") as file:
    json.dump({name: told(value) for name, value in GALAXY_INPUTS.items()}, file)
"""
DATASETS = ("dataset", "dataset_multiple", "dataset_collection")
COLLECTIONS = ("dataset_collection_list", "dataset_collection_paired", "dataset_collection_list_paired")
VALUES: dict[str, Any] = {
    "text": "a 'quoted' text & an @",
    "integer": 42,
    "float": 0.5,
    "boolean": True,
    "color": "#12ab34",
}


@pytest.fixture
def table(galaxy: GalaxyUser, history: str) -> str:
    return str(galaxy.upload(history, "a\tb\n1\t2\n", "my table", "tabular")["id"])


@pytest.fixture
def teller(galaxy: GalaxyUser, history: str, tmp_path: Path) -> str:
    """A notebook that writes down what it was given."""
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "a",
        "source": TELL,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    path = tmp_path / "teller.ipynb"
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return str(galaxy.upload(history, path, "teller", "ipynb")["id"])


def collection(galaxy: GalaxyUser, history: str, kind: str, table: str) -> dict[str, str]:
    """Make a collection of the one table in the form `list`, `paired` or `list:paired`."""

    def element(name: str) -> dict[str, Any]:
        return {"name": name, "src": "hda", "id": table}

    pair = [element("forward"), element("reverse")]
    elements: list[dict[str, Any]] = {
        "list": [element("one"), element("two")],
        "paired": pair,
        "list:paired": [
            {"name": "sample", "src": "new_collection", "collection_type": "paired", "element_identifiers": pair}
        ],
    }[kind]
    made = galaxy.gi.histories.create_dataset_collection(
        history, {"collection_type": kind, "name": kind, "element_identifiers": elements}
    )
    return {"src": "hdca", "id": made["id"]}


def told(galaxy: GalaxyUser, history: str, teller: str, inputs: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    """Run the notebook on inputs, `{name: (selector, value)}`; a value of None is left out."""
    flat: dict[str, Any] = {
        "mode|mode_select": "previous",
        "mode|ipynb": {"src": "hda", "id": teller},
        "mode|run_it": "true",
    }
    for number, (name, (selector, value)) in enumerate(inputs.items()):
        flat[f"user_inputs_{number}|input_name"] = name
        flat[f"user_inputs_{number}|input_type|input_type_selector"] = selector
        if value is not None:
            flat[f"user_inputs_{number}|input_type|input_value"] = value
    answer = galaxy.run_tool(history, TOOL, flat)
    galaxy.succeed(answer["jobs"][0]["id"])
    written: dict[str, Any] = json.loads(galaxy.content(galaxy.elements(answer)["inputs"]["id"]))
    return written


@pytest.mark.parametrize("suffix", ["", "_optional"])
def test_every_type_with_a_value(galaxy: GalaxyUser, history: str, table: str, teller: str, suffix: str) -> None:
    one = {"src": "hda", "id": table}
    given: dict[str, Any] = {
        "dataset": one,
        "dataset_multiple": {"values": [one]},
        "dataset_collection": collection(galaxy, history, "list", table),
        "dataset_collection_list": collection(galaxy, history, "list", table),
        "dataset_collection_paired": collection(galaxy, history, "paired", table),
        "dataset_collection_list_paired": collection(galaxy, history, "list:paired", table),
    } | VALUES
    names = {selector: selector.replace("_", "") for selector in given}
    found = told(galaxy, history, teller, {names[one]: (one + suffix, value) for one, value in given.items()})
    content = "a\tb\n1\t2\n"
    expected: dict[str, Any] = {
        "dataset": ["my table.tabular"],
        "dataset_multiple": ["my table.tabular"],
        "dataset_collection": ["one.tabular", "two.tabular"],
        "dataset_collection_list": ["one.tabular", "two.tabular"],
        "dataset_collection_paired": ["forward.tabular", "reverse.tabular"],
        "dataset_collection_list_paired": ["sample/forward.tabular", "sample/reverse.tabular"],
    }
    for selector, paths in expected.items():
        name = names[selector]
        assert found[name] == [[f"galaxy_inputs/{name}/{path}", content, []] for path in paths], selector
    for selector, value in VALUES.items():
        assert found[names[selector]] == value, selector


def test_every_optional_type_left_out(galaxy: GalaxyUser, history: str, teller: str) -> None:
    selectors = [*DATASETS, *COLLECTIONS, *VALUES]
    inputs = {selector.replace("_", ""): (f"{selector}_optional", None) for selector in selectors}
    found = told(galaxy, history, teller, inputs)
    for selector in (*DATASETS, *COLLECTIONS):
        assert found[selector.replace("_", "")] == [], selector
    for selector in ("text", "integer", "float"):
        assert found[selector] in (None, ""), selector
    assert set(found) == set(inputs)


def test_a_dataset_whose_name_is_a_path_stays_in_its_folder(galaxy: GalaxyUser, history: str, teller: str) -> None:
    given = galaxy.upload(history, "a\tb\n", "../../etc/passwd", "tabular")
    found = told(galaxy, history, teller, {"trick": ("dataset", {"src": "hda", "id": given["id"]})})
    ((path, content, _),) = found["trick"]
    assert content == "a\tb\n"
    assert path.startswith("galaxy_inputs/trick/")
    assert ".." not in path.split("/")


def test_two_inputs_of_one_name_fail_with_a_reason(galaxy: GalaxyUser, history: str, teller: str) -> None:
    flat = {
        "mode|mode_select": "previous",
        "mode|ipynb": {"src": "hda", "id": teller},
        "mode|run_it": "true",
    }
    for number in range(2):
        flat |= {
            f"user_inputs_{number}|input_name": "same",
            f"user_inputs_{number}|input_type|input_type_selector": "text",
            f"user_inputs_{number}|input_type|input_value": "x",
        }
    job = galaxy.wait_job(galaxy.run_tool(history, TOOL, flat)["jobs"][0]["id"])
    assert (job["state"], job["exit_code"]) == ("error", 1)
    assert "Two inputs are named 'same'" in job["tool_stderr"]


def test_datasets_to_start_with_are_inputs_under_their_names(
    galaxy: GalaxyUser, history: str, table: str, teller: str
) -> None:
    second = galaxy.upload(history, "x\ty\n", "my table", "tabular")["id"]
    answer = galaxy.run_tool(
        history,
        TOOL,
        {
            "mode|mode_select": "previous",
            "mode|ipynb": {"src": "hda", "id": teller},
            "mode|run_it": "true",
            "__datasets": {"values": [{"src": "hda", "id": table}, {"src": "hda", "id": second}]},
            "user_inputs_0|input_name": "rows",
            "user_inputs_0|input_type|input_type_selector": "integer",
            "user_inputs_0|input_type|input_value": 3,
        },
    )
    galaxy.succeed(answer["jobs"][0]["id"])
    assert json.loads(galaxy.content(galaxy.elements(answer)["inputs"]["id"])) == {
        "rows": 3,
        "mytable": [["galaxy_inputs/mytable/my table.tabular", "a\tb\n1\t2\n", []]],
        "mytable2": [["galaxy_inputs/mytable2/my table.tabular", "x\ty\n", []]],
    }
