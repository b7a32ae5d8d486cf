"""One table prints the same numbers and marks in Markdown, LaTeX, CSV and JSON, for print as well."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ivif_bench.reports.formats import csv as csv_format
from ivif_bench.reports.formats import json as json_format
from ivif_bench.reports.formats import latex, markdown
from ivif_bench.reports.paper_files import paper_text
from ivif_bench.reports.table import (
    MISSING,
    UNDEFINED,
    Cell,
    Column,
    Print,
    Row,
    Table,
    cell,
    missing_cell,
    printed,
    with_marks,
)
from ivif_bench.statistics import Estimate

Printed = list[list[tuple[str, str]]]  # of each cell: number, mark

# Few values, so that there are ties; some differ only behind the printed digits.
VALUES = st.sampled_from([0.5, 0.25, 0.2504, -1.5, 0.0, -0.00001, 12.345678, 1e-9]) | st.floats(
    -1e6, 1e6
)
CELLS = st.one_of(
    st.none(),
    st.just("undefined"),
    st.tuples(VALUES, st.none() | st.floats(0, 10)),
)


@st.composite
def _tables(draw: st.DrawFn) -> Table:
    columns = tuple(
        Column(
            f"c{at}",
            f"C{at}",
            draw(st.sampled_from(["up", "down", ""])),
            draw(st.integers(0, 4)),
            draw(st.sampled_from([1.0, 100.0])),
        )
        for at in range(draw(st.integers(1, 4)))
    )

    def one(column: Column) -> Cell:
        drawn = draw(CELLS)
        if drawn is None:
            return missing_cell()
        if drawn == "undefined":
            return cell(Estimate(None, left_out={"dark": 1}), column)
        value, sd = drawn
        return cell(Estimate(value, 12, 1 if sd is None else 3, sd), column)

    rows = [
        Row(f"m{index}", f"M{index}", tuple(map(one, columns)), draw(st.booleans()))
        for index in range(draw(st.integers(1, 6)))
    ]
    paper = Print("ieee-page", ("Images: 12.",))
    return Table("t", "T", "A table.", columns, with_marks(rows, columns), paper=paper)


def _marked(text: str, best: str, second: str) -> tuple[str, str]:
    for pattern, mark in ((best, "best"), (second, "second")):
        if (found := re.fullmatch(pattern, text)) is not None:
            return found[1], mark
    return text, ""


def _of_markdown(text: str) -> Printed:
    lines = [line for line in text.splitlines() if line.startswith("| M")][1:]
    return [
        [_marked(part.strip(), r"\*\*(.*)\*\*", r"<u>(.*)</u>") for part in line.split("|")[2:-1]]
        for line in lines
    ]


def _of_latex(text: str) -> Printed:
    text = text.replace(r"$\pm$", "±").replace("---", MISSING).replace("--", UNDEFINED)
    lines = [line for line in text.splitlines() if re.match(r"M\d", line)]
    return [
        [
            _marked(part.strip().replace("$-$", "-"), r"\\textbf\{(.*)\}", r"\\underline\{(.*)\}")
            for part in line.removesuffix(r"\\").split("&")[1:]
        ]
        for line in lines
    ]


def _of_json(text: str) -> Printed:
    (table,) = json.loads(text)["tables"]
    return [
        [(one["printed"], one["rank"] or "") for one in row["cells"].values()]
        for row in table["rows"]
    ]


def _of_csv(text: str, table: Table) -> Printed:
    """Numbers at the digits of their column, from the unrounded values."""
    rows = list(csv.DictReader(io.StringIO(text)))
    found: Printed = []
    for index in range(len(table.rows)):
        line = []
        for at, column in enumerate(table.columns):
            row = rows[index * len(table.columns) + at]
            shown = {"missing": MISSING, "undefined": UNDEFINED}.get(row["status"])
            if shown is None:
                shown = printed(float(row["value"]), column)
                if row["sd"]:
                    shown += f" ± {printed(float(row['sd']), column)}"
            line.append((shown, row["rank"]))
        found.append(line)
    return found


@settings(max_examples=60, deadline=None)
@given(_tables())
def test_all_formats_print_the_same_numbers_and_marks(table: Table) -> None:
    expected = _of_json(json_format.text("", [table]))
    assert [[number for number, _ in line] for line in expected] == [
        [one.text for one in row.cells] for row in table.rows
    ]
    assert _of_markdown(markdown.table_text(table)) == expected
    assert _of_latex(latex.table_text(replace(table, paper=None))) == expected
    assert _of_latex(paper_text(table)) == expected
    assert _of_csv(csv_format.text("", [table]), table) == expected
