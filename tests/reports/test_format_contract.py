"""What every registered format does, whoever wrote it; a new one is tested as it is.

The table has ties, gaps, undefined values, footnotes, ±, a warning, and names with whatever LaTeX,
Markdown, HTML and CSV give a meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from fixed_table import HOSTILE, WARNING, fixed_table

from ivif_bench.reports.formats import BY_DEFAULT, FORMATS, load_text
from ivif_bench.reports.table import UNDEFINED, Cell, Table, printed

NAMES = sorted(FORMATS.specs())
ROWS_ONLY = {"csv"}  # no place for sentences about a whole table or report
REMARKS = ("2 planned results are missing: one, two.", "A remark with 5 % & more.")


def tables() -> list[Table]:
    """The fixed table with plain names, and one more with hostile ones."""
    hostile = replace(fixed_table(HOSTILE[:4]), name="quality-hostile", title="Hostile names")
    return [fixed_table(), hostile]


def words(text: str) -> set[str]:
    """Pieces that no escaping changes, once the new lines of JSON are removed."""
    return set(re.findall(r"[A-Za-z0-9]{2,}", text.replace("\\n", " ")))


def numbers(text: str) -> set[float]:
    """Every number in a text."""
    return {float(found) for found in re.findall(r"-?\d+\.\d+", text.replace("$-$", "-"))}


def outputs(name: str) -> list[str]:
    """Everything as files, joined, and as one text."""
    files = FORMATS.load(name)("Results of A&B", tables(), REMARKS)
    return ["\n".join(files.values()), load_text(name)("Results of A&B", tables(), REMARKS)]


def test_a_run_writes_formats_that_are_registered() -> None:
    assert set(BY_DEFAULT) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_its_files_have_plain_names_that_no_other_format_and_no_report_uses(name: str) -> None:
    files = FORMATS.load(name)("Results", tables(), REMARKS)
    assert files
    for file, text in files.items():
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+@-]*", file)
        assert file not in ("report.json", "inputs.json")
        assert not file.endswith(".png")
        assert text.encode().endswith(b"\n")
    for other in NAMES:
        if other != name:
            assert not files.keys() & FORMATS.load(other)("Results", tables(), REMARKS).keys()


@pytest.mark.parametrize("name", NAMES)
def test_equal_tables_give_equal_texts(name: str) -> None:
    assert outputs(name) == outputs(name)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_table_is_lost(name: str) -> None:
    for text in outputs(name):
        found, values = words(text), numbers(text)
        for table in tables():
            said = [table.full_caption, WARNING, *(note.text for note in table.notes)]
            said += [column.title for column in table.columns] + [row.title for row in table.rows]
            if name not in ROWS_ONLY:
                said += [*table.footer, *REMARKS]
            for sentence in said:
                assert words(sentence) <= found, sentence
            for row in table.rows:
                for column, cell in zip(table.columns, row.cells, strict=True):
                    if (value := cell.estimate.value) is not None:
                        assert {value, float(printed(value, column))} & values, cell.text
                    if (sd := cell.estimate.sd) is not None:
                        assert {sd, float(printed(sd, column))} & values, cell.text


def change(row: int, at: int, make: Callable[[Cell], Cell]) -> Callable[[Table], Table]:
    """A table with one other cell."""

    def changed(table: Table) -> Table:
        cells = list(table.rows[row].cells)
        cells[at] = make(cells[at])
        rows = list(table.rows)
        rows[row] = replace(rows[row], cells=tuple(cells))
        return replace(table, rows=tuple(rows))

    return changed


CHANGES: dict[str, Callable[[Table], Table]] = {
    "best is not marked": change(0, 0, lambda cell: replace(cell, mark="")),
    "best is second best": change(0, 0, lambda cell: replace(cell, mark="second")),
    "one of two equal numbers is not marked": change(1, 1, lambda cell: replace(cell, mark="")),
    "second best is not marked": change(2, 0, lambda cell: replace(cell, mark="")),
    "a gap is undefined": change(3, 0, lambda cell: replace(cell, text=UNDEFINED)),
    "no footnote": change(1, 0, lambda cell: replace(cell, note="")),
    "another footnote": change(1, 0, lambda cell: replace(cell, note="b")),
    "another number": change(
        2, 1, lambda cell: replace(cell, text="9.9", estimate=replace(cell.estimate, value=9.9))
    ),
    "another deviation": change(
        0,
        2,
        lambda cell: replace(cell, text="41.2 ± 9.9", estimate=replace(cell.estimate, sd=0.099)),
    ),
    "another direction": lambda table: replace(
        table, columns=(replace(table.columns[0], direction="down"), *table.columns[1:])
    ),
    "no warning": lambda table: replace(table, warnings=()),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("name", NAMES)
def test_a_table_that_says_something_else_is_another_text(name: str, what: str) -> None:
    table = fixed_table()
    other = CHANGES[what](table)
    assert other != table
    text = load_text(name)
    assert text("", [table]) != text("", [other])
    render = FORMATS.load(name)
    assert render("", [table]) != render("", [other])


@pytest.mark.parametrize("name", NAMES)
def test_rows_and_tables_stay_in_their_order(name: str) -> None:
    text = load_text(name)("", tables())
    places = [text.index(word) for word in ("visible", "infrared", "average", "bold")]
    assert places == sorted(places)
