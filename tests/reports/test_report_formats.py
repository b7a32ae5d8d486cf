"""Formats: recorded outputs of one fixed table, and names that try to break out of their cell."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fixed_table import HOSTILE, WARNING, fixed_table
from hypothesis import given
from hypothesis import strategies as st
from latex_text import check_compiles, check_structure
from markdown_it import MarkdownIt

from ivif_bench.errors import UserError
from ivif_bench.reports.formats import csv as csv_format
from ivif_bench.reports.formats import json as json_format
from ivif_bench.reports.formats import latex, load_text, markdown
from ivif_bench.reports.table import Table
from ivif_bench.reports.terminal import plain, print_tables
from ivif_bench.statistics import Estimate


def csv_table(table: Table) -> str:
    return csv_format.text("", [table])


TEXTS: dict[str, Callable[[Table], str]] = {
    "md": markdown.table_text,
    "tex": latex.table_text,
    "csv": csv_table,
    "txt": plain,
}


@pytest.mark.parametrize("suffix", sorted(TEXTS))
def test_the_fixed_table_prints_as_recorded(suffix: str, snapshots: Path) -> None:
    text = TEXTS[suffix](fixed_table())
    path = snapshots / f"table.{suffix}"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_bytes(text.encode())
    assert text.encode() == path.read_bytes()


@pytest.mark.parametrize("suffix", ["md", "txt"])
def test_warnings_are_in_the_caption_as_given(suffix: str) -> None:
    assert WARNING in TEXTS[suffix](fixed_table())


def test_warnings_are_in_the_caption_of_latex_and_csv() -> None:
    caption = re.search(r"\\caption\{(.*)\}\n\\label", latex.table_text(fixed_table()))
    assert caption is not None
    assert WARNING.replace("%", r"\%") in caption[1]
    rows = list(csv.DictReader(io.StringIO(csv_table(fixed_table()))))
    assert all(row["caption"].endswith(WARNING) for row in rows)


# --- Markdown -------------------------------------------------------------------------------


def _markdown_cells(text: str) -> list[list[str]]:
    """Cells of the first table, as a parser shows them, with no markup left."""
    rows: list[list[str]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows and token.level >= 4:
            children = token.children or []
            rows[-1].append(
                "".join(c.content for c in children if c.type in ("text", "text_special"))
            )
            assert all(
                c.type != "html_inline" or re.fullmatch(r"</?(sup|u)>", c.content) for c in children
            )
    return rows


def test_hostile_names_stay_in_their_markdown_cell() -> None:
    cells = _markdown_cells(markdown.table_text(fixed_table(HOSTILE[:4])))
    assert [len(row) for row in cells] == [4] * 5
    assert [row[0] for row in cells[1:]] == [" ".join(name.split()) for name in HOSTILE[:4]]


@given(
    st.text(
        alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zs", "Zl", "Zp"])
    )
)
def test_any_name_reads_back_from_markdown(name: str) -> None:
    name = f"x{name}"
    cells = _markdown_cells(markdown.table_text(fixed_table([name, "b", "c", "d"])))
    assert cells[1][0] == name
    assert len(cells[1]) == 4


# --- LaTeX ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_keep_the_latex_table_whole(name: str) -> None:
    text = latex.table_text(fixed_table([name, "b", "c", "d"]))
    check_structure(text, 3)
    assert r"\input" not in text


@given(st.text(max_size=30))
def test_any_name_keeps_the_latex_table_whole(name: str) -> None:
    check_structure(latex.table_text(fixed_table([f"x{name}", "b", "c", "d"])), 3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (r"a_b%&#{}~^\ ", r"a\_b\%\&\#\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}"),
        ("DDFM--lite", "DDFM-{}-lite"),
        ("é Å 融", r"{\'{e}} {\r{A}} [U+878D]"),
        ("5 ± 1 – x", r"5 $\pm$ 1 -- x"),
    ],
)
def test_latex_escapes(name: str, expected: str) -> None:
    assert latex.escaped(name) == expected


def test_latex_needs_no_package_but_booktabs() -> None:
    files = latex.render("t", [fixed_table()])
    assert re.findall(r"\\usepackage.*", "".join(files.values())) == [r"\usepackage{booktabs}"]


def test_report_compiles_with_pdflatex_whatever_the_names_hold(tmp_path: Path) -> None:
    tables = [fixed_table(HOSTILE[:4]), fixed_table([HOSTILE[4], *HOSTILE[:3]])]
    files = latex.render("Results of " + HOSTILE[0], [tables[0]], [HOSTILE[1]])
    files["second.tex"] = latex.table_text(tables[1])
    files["report.tex"] = files["report.tex"].replace(
        r"\end{document}", "\\input{second}\n\\end{document}"
    )
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    check_compiles(tmp_path, "report.tex")


# --- CSV ------------------------------------------------------------------------------------


def test_csv_keeps_full_precision_and_tells_holes_from_undefined() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_table(fixed_table()))))
    assert len(rows) == 4 * 3
    first = rows[0]
    assert float(first["value"]) == 6.1234567
    assert (first["ci_low"], first["ci_high"], first["n"]) == ("6.0", "6.25", "3")
    assert rows[2]["sd"] == "0.0123"
    assert [row["direction"] for row in rows[:3]] == ["up", "down", "up"]
    assert rows[5]["status"] == "undefined"
    assert {row["status"] for row in rows[9:]} == {"missing"}
    assert rows[3]["note"] == "mean over n = 2 of 3 images"


def test_csv_quotes_hostile_names() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_table(fixed_table(HOSTILE[:4])))))
    assert [rows[3 * i]["method"] for i in range(4)] == HOSTILE[:4]


# --- JSON -----------------------------------------------------------------------------------


def test_json_keeps_names_full_precision_and_what_people_read() -> None:
    (text,) = json_format.render("Results", [fixed_table(HOSTILE[:4])], ["a remark"]).values()
    report = json.loads(text)
    assert (report["title"], report["remarks"]) == ("Results", ["a remark"])
    (table,) = report["tables"]
    assert [row["method"] for row in table["rows"]] == HOSTILE[:4]
    assert table["warnings"] == [WARNING]
    assert table["notes"]["a"] == "mean over n = 2 of 3 images"
    assert list(table["rows"][0]["cells"]) == [column["key"] for column in table["columns"]]
    first = table["rows"][0]["cells"]["EN"]
    assert (first["value"], first["printed"], first["rank"]) == (6.1234567, "6.123", "best")
    assert (first["ci_low"], first["ci_high"], first["n"]) == (6.0, 6.25, 3)
    seeds = table["rows"][0]["cells"]["IoU:traffic_light"]
    assert (seeds["sd"], seeds["seeds"], seeds["printed"]) == (0.0123, 3, "41.2 ± 1.2")
    partly = table["rows"][1]["cells"]["EN"]
    assert (partly["left_out"], partly["note"], partly["rank"]) == (
        {"constant_fused": 1},
        "a",
        None,
    )
    states = [row["cells"]["IoU:traffic_light"]["status"] for row in table["rows"]]
    assert states == ["ok", "undefined", "ok", "missing"]


def test_json_has_no_number_that_json_lacks() -> None:
    table = fixed_table()
    endless = replace(table.rows[0].cells[0], text="inf", estimate=Estimate(math.inf, 3))
    row = replace(table.rows[0], cells=(endless, *table.rows[0].cells[1:]))
    text = json_format.text("", [replace(table, rows=(row, *table.rows[1:]))])
    cells = json.loads(text, parse_constant=pytest.fail)["tables"][0]["rows"][0]["cells"]
    assert (cells["EN"]["value"], cells["EN"]["printed"]) == (None, "inf")


# --- One text -------------------------------------------------------------------------------


def test_one_latex_text_of_several_tables_can_be_pasted_and_says_what_it_needs() -> None:
    text = latex.text("A % title", [fixed_table(), fixed_table(HOSTILE[:4])], ["a & remark"])
    comments, rest = text.split(r"\begin{table}", 1)
    assert comments == "% needs \\usepackage{booktabs}\n% A \\% title\n% a \\& remark\n\n"
    assert rest.count(r"\begin{table}") == 1
    assert r"\documentclass" not in rest


def test_one_csv_text_of_several_tables_has_one_header() -> None:
    tables = [fixed_table(), replace(fixed_table(), name="other")]
    rows = list(csv.DictReader(io.StringIO(csv_format.text("", tables))))
    assert [row["table"] for row in rows] == ["quality-msrs"] * 12 + ["other"] * 12
    assert {row["direction"] for row in rows} == {"up", "down"}


def test_a_format_without_one_text_is_refused_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(markdown, "text")
    with pytest.raises(UserError, match=r"report format 'markdown': .* has no 'text'"):
        load_text("markdown")


# --- Terminal -------------------------------------------------------------------------------


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_narrow_terminal_cuts_no_digit_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", "xterm")
    sink = _Terminal()
    print_tables([fixed_table()], sink)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", sink.getvalue())
    for row in fixed_table().rows:
        for shown_cell in row.cells:
            assert shown_cell.text in shown


def test_without_a_terminal_the_text_is_plain() -> None:
    sink = io.StringIO()
    print_tables([fixed_table(HOSTILE[:4])], sink)
    assert "\x1b" not in sink.getvalue()
    assert "6.123*" in sink.getvalue()
