"""Tables of data as rows, and tables that lay out a page."""

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.markup.tables import is_data, rows

PROSE = "The harbour town kept its old clock tower because the fishermen insisted that its bell was the only one. " * 4
LIST = "<ul><li>Clapper</li><li>Yoke</li></ul>"


def table(markup: str, attributes: str = ""):
    return lxml.html.fragment_fromstring(f"<table {attributes}>{markup}</table>")


def row(*cells: str, tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"


def inline(cell) -> str:
    """The text of a cell, with a line end where a block in it ends."""
    pieces = [cell.text or ""]
    for child in cell:
        pieces += ["\n" if child.tag == "br" else "", inline(child), "" if child.tag == "b" else "\n", child.tail or ""]
    return "".join(pieces)


DATA = {
    "values": row("Great", "1702") + row("Small", ""),
    "a row with one filled cell": row("Bells", "") + row("Great", "1702"),
    "heading cells only": row("Name", "Year", tag="th"),
    "a list in a cell": row("Parts", LIST) + row("Metal", "Bronze"),
    "a list of definitions in a cell": row("Parts", "<dl><dt>core</dt><dd>iron</dd></dl>") + row("a", "b"),
    "long cells under headings": row("Bell", "What is told", tag="th") + row("Great", PROSE),
    "one line of code in a cell": row("<pre>size_t n;</pre>", "since 1999") + row("a", "b"),
    "a head of its own": f"<thead>{row('Name', 'Year', tag='th')}</thead><tbody>{row('a', 'b')}</tbody>",
}
LAYOUT = {
    "one cell": row(f"<p>{PROSE}</p>"),
    "one row": row("<a>Home</a>", PROSE),
    "one column": row("a") + row("b"),
    "prose in cells": row("Menu", PROSE) + row("", "Footer"),
    "a table in a cell": row("a", f"<table>{row('b', 'c')}</table>") + row("d", "e"),
    "lines of code in a cell": row("a", "<pre>b\n  c</pre>") + row("c", "d"),
    "a heading in a cell": row("a", "<h2>b</h2>") + row("c", "d"),
    "fields of a form": row("Name:", "<input>") + row("Mail:", "<input>"),
    "nothing": "",
}


@pytest.mark.parametrize("name", DATA)
def test_a_table_of_values_is_data(name):
    assert is_data(table(DATA[name]))


@pytest.mark.parametrize("name", LAYOUT)
def test_a_table_that_lays_out_text_is_no_data(name):
    assert not is_data(table(LAYOUT[name]))


def test_a_role_decides():
    assert not is_data(table(DATA["values"], 'role="presentation"'))
    assert is_data(table(row("Menu", PROSE) + row("a", "b"), 'role="table"'))


def test_cells_keep_their_lists_paragraphs_and_lines():
    markup = row("Bells<br>of 1702", "<p>one</p><p>two</p>") + row("Parts", LIST)
    assert rows(table(markup), inline) == [["Bells of 1702", "one two"], ["Parts", "Clapper; Yoke"]]


def test_a_cell_that_spans_has_its_value_once():
    markup = "<tr><th colspan=2>Bells</th><th rowspan=2>Sum</th></tr><tr><td>Great</td><td>Small</td></tr>" + row(
        "1", "2", "3"
    )
    assert rows(table(markup), inline) == [["Bells", "", "Sum"], ["Great", "Small", ""], ["1", "2", "3"]]


def test_empty_rows_and_columns_go():
    assert rows(table(row("a", " ", "b") + row("", "", "") + row("c", "", "")), inline) == [["a", "b"], ["c", ""]]


def test_a_foot_comes_last_and_rows_of_inner_tables_are_not_rows():
    inner = f"<table>{row('x')}</table>"
    markup = f"<tfoot>{row('Sum', '2')}</tfoot><tbody>{row('Great', inner)}</tbody>"
    assert [values[0] for values in rows(table(markup), inline)] == ["Great", "Sum"]


def test_the_cells_of_a_head_without_a_row_are_one():
    markup = f"<thead><th></th><th>Year</th></thead><tbody>{row('Great', '1702')}</tbody>"
    assert rows(table(markup), inline) == [["", "Year"], ["Great", "1702"]]


@pytest.mark.parametrize("span", ["0", "-1", "x", "", "99999999", "1000"])
def test_an_odd_span_costs_nothing(span):
    assert rows(table(f"<tr><td colspan='{span}'>a</td><td rowspan='{span}'>b</td></tr>"), inline) == [["a", "b"]]


cell = st.tuples(st.text("ab ", max_size=3), st.integers(1, 3), st.integers(1, 3))


@given(st.lists(st.lists(cell, max_size=4), max_size=5))
def test_every_value_stands_in_the_rows_once_and_in_order(grid):
    markup = "".join(
        "<tr>" + "".join(f"<td colspan={across} rowspan={down}>{text}</td>" for text, across, down in line) + "</tr>"
        for line in grid
    )
    cells = rows(table(markup), inline)
    assert [value for line in cells for value in line if value] == [
        " ".join(text.split()) for line in grid for text, _, _ in line if text.strip()
    ]
    assert len({len(line) for line in cells}) <= 1


def test_a_table_with_code_whose_blanks_count_is_no_table_of_data():
    rows = "<tr><th>Option<th>Use</tr><tr><td>one<td><pre>a   b</pre></tr><tr><td>two<td><pre>c</pre></tr>"
    assert not is_data(lxml.html.fragment_fromstring(f"<table>{rows}</table>"))
    assert is_data(lxml.html.fragment_fromstring(f"<table>{rows.replace('   ', ' ')}</table>"))
