"""The code that loads a dataset: it says what it should, and a hostile name is never code."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from nebulab.galaxy.contents import Item
from nebulab.session.lab.galaxy import snippets

ITEM = Item("0a", 5, "petals.tsv", "ok", "tabular", 9, (), True, False, False, "", "", "11")
HOSTILE = [
    "x\nimport os; os.system('id')",
    "x\r\nimport os",
    "x\u2028import os",
    "x\x0cimport os",
    '"""; import os #',
    "'); import os; ('",
    "\\'); import os #",
    "\u202eevil\u202c.tsv",
    "\ud800 surrogate",
    "<img src=x onerror=alert(1)>.tsv",
    "",
    "…",
    "class",
    "history.tsv",
    "list.csv",
    "1st try.csv",
    "x" * 10_000,
]


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (ITEM, "petals = history[5].read()  # petals.tsv\npetals"),
        (replace(ITEM, name="forest", extension="onnx"), "forest = history[5].model()  # forest"),
        (replace(ITEM, name="x.h5", extension="h5"), "x = history[5].read()  # x.h5\nx"),
        (replace(ITEM, name="a b", extension="bam"), "a_b = history[5].path  # a b"),
        (replace(ITEM, name="samples", collection_type="list"), "samples = history[5].read()  # samples"),
        (
            replace(ITEM, name="plot", extension="png"),
            "from IPython.display import Image\n\nImage(filename=str(history[5].path))  # plot",
        ),
    ],
)
def test_each_kind_is_loaded_as_what_it_is(item: Item, code: str) -> None:
    assert snippets.load(item, "11") == code


def test_another_history_is_named() -> None:
    code = snippets.load(ITEM, "22")
    assert "from nebulab.kernel.histories import History\n" in code
    assert "petals = History('11')[5].read()" in code


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_no_code(name: str) -> None:
    codes = [
        snippets.load(replace(ITEM, name=name), "11"),
        snippets.load(replace(ITEM, name=name, extension="png"), "22"),
        snippets.load_element("history[7]", name, "csv"),
    ]
    for code in codes:
        nodes = list(ast.walk(ast.parse(code)))
        names = {alias.name for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}
        assert names <= {"Image", "History"}
        called = {
            node.func.attr for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        assert called <= {"read"}
        # Nothing reads otherwise than it runs.
        assert all(sign.isprintable() or sign == "\n" for sign in code)
        assert len(code.splitlines()) <= 5


@pytest.mark.parametrize("name", HOSTILE)
def test_an_element_is_found_by_its_very_name(name: str) -> None:
    tree = ast.parse(snippets.load_element("history[7]", name, "csv"))
    (key,) = [
        node.slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value != 7
    ]
    assert key == name


@pytest.mark.parametrize("name", ["history.tsv", "get", "put.csv", "list.csv", "class", "open.txt"])
def test_no_name_of_a_notebook_is_taken(name: str) -> None:
    variable = snippets.load(replace(ITEM, name=name), "11").partition(" = ")[0]
    assert variable not in {"history", "get", "put", "list", "class", "open"}
    assert variable.isidentifier()
