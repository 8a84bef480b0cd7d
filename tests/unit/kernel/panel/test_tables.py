"""The first rows of a table for a preview: as texts, bounded, whatever the file holds."""

from __future__ import annotations

import csv

from nebulab.kernel.panel.tables import table


def test_a_small_table_is_shown_whole() -> None:
    found = table("a\tb\n1\t2\n3\t4\n", "\t", has_header=True, is_whole=True)
    assert found == {"kind": "table", "columns": ["a", "b"], "rows": [["1", "2"], ["3", "4"]], "more": False}


def test_of_a_beginning_the_line_that_is_cut_is_left_out() -> None:
    found = table("a,b\n1,2\n3,", ",", has_header=True, is_whole=False)
    assert (found["rows"], found["more"]) == ([["1", "2"]], True)


def test_without_a_header_columns_are_numbered_and_comments_left_out() -> None:
    found = table("#track\nchr1\t5\t9\n", "\t", has_header=False, is_whole=True)
    assert (found["columns"], found["rows"]) == (["1", "2", "3"], [["chr1", "5", "9"]])


def test_rows_columns_and_cells_are_bounded() -> None:
    wide = ",".join(["x" * 600] * 110)
    found = table("\n".join([wide] * 300), ",", has_header=True, is_whole=True)
    assert (len(found["rows"]), len(found["columns"]), found["more"]) == (200, 100, True)
    assert max(map(len, found["rows"][0])) == 500


def test_rows_of_unequal_length_have_columns() -> None:
    found = table("a,b\n1,2,3\n4\n", ",", has_header=True, is_whole=True)
    assert (found["columns"], found["rows"]) == (["a", "b", "3"], [["1", "2", "3"], ["4"]])


def test_quotes_and_nothing() -> None:
    assert table('a,b\n"1,5","x\ny"\n', ",", has_header=True, is_whole=True)["rows"] == [["1,5", "x\ny"]]
    assert table("\n\n", ",", has_header=True, is_whole=True)["rows"] == []


def test_other_readers_of_csv_keep_their_limit() -> None:
    csv.field_size_limit(131_072)
    table("a,b\n", ",", has_header=True, is_whole=True)
    assert csv.field_size_limit() == 131_072
    assert table("x" * 200_000, ",", has_header=True, is_whole=True)["columns"] == ["x" * 500]
