"""Formats: recorded outputs of one fixed table, and names that try to break out of their cell."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ivif_bench.reports.formats import FORMATS, latex, markdown
from ivif_bench.reports.formats import csv as csv_format
from ivif_bench.reports.statistics import Estimate
from ivif_bench.reports.table import Cell, Column, Note, Row, Table, cell, missing_cell, with_marks
from ivif_bench.reports.terminal import plain, print_tables

HOSTILE = [
    r"a_b%&#{}~^\ $x$",
    "[2pt] \\\\ *x* --- `` ''",
    "<b>bold</b> | pipe \\| | &amp;",
    "naïve Ångström 融合 \u202e\x1b[31m\nnew line",
    "\\end{tabular}\\input{/etc/passwd}",
]
WARNING = "PSEUDO LABELS: masks of a network, 100 % not ground truth."


def _table(names: list[str] | None = None) -> Table:
    """One fixed table with every kind of cell."""
    columns = (
        Column("EN", "EN", "up", 3),
        Column("BRISQUE", "BRISQUE", "down", 1),
        Column("IoU:traffic_light", "traffic_light", "up", 1, 100),
    )
    names = names or ["visible", "infrared", "average", "dm_fuse"]
    seeds = Estimate(0.412345, 3, 3, 0.0123, 0.38, 0.44, "t over seeds")
    cells: list[tuple[Cell, ...]] = [
        (
            cell(
                Estimate(6.1234567, 3, low=6.0, high=6.25, interval="bootstrap over images"),
                columns[0],
            ),
            cell(Estimate(30.04, 3), columns[1]),
            cell(seeds, columns[2]),
        ),
        (
            cell(
                Estimate(7.5, 2, left_out={"constant_fused": 1}), columns[0], "a", comparable=False
            ),
            cell(Estimate(29.96, 3), columns[1]),
            cell(Estimate(None, left_out={"no_truth": 1}), columns[2], "b"),
        ),
        (
            cell(Estimate(-6.5, 3), columns[0]),
            cell(Estimate(45.25, 3), columns[1]),
            cell(Estimate(0.5, 3), columns[2]),
        ),
        (missing_cell(), missing_cell(), missing_cell("c")),
    ]
    rows = [Row(n, n, line) for n, line in zip(names, cells, strict=False)]
    return Table(
        name="quality-msrs",
        title="Fusion quality on MSRS",
        caption="Fusion quality on MSRS, mean over 3 images.",
        columns=columns,
        rows=with_marks(rows, columns),
        notes=(
            Note("a", "mean over n = 2 of 3 images"),
            Note("b", "undefined"),
            Note("c", "other images"),
        ),
        footer=(
            "Convention: reference.",
            "Protocol: msrs-seg.v1 (sha256 01234567).",
            "Seeds: 0 ± 1.",
        ),
        warnings=(WARNING,),
    )


TEXTS: dict[str, Callable[[Table], str]] = {
    "md": markdown.table_text,
    "tex": latex.table_text,
    "csv": csv_format.table_text,
    "txt": plain,
}


@pytest.mark.parametrize("suffix", sorted(TEXTS))
def test_the_fixed_table_prints_as_recorded(suffix: str, snapshots: Path) -> None:
    text = TEXTS[suffix](_table())
    path = snapshots / f"table.{suffix}"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_bytes(text.encode())
    assert text.encode() == path.read_bytes()


@pytest.mark.parametrize("suffix", ["md", "txt"])
def test_warnings_are_in_the_caption_as_given(suffix: str) -> None:
    assert WARNING in TEXTS[suffix](_table())


def test_warnings_are_in_the_caption_of_latex_and_csv() -> None:
    caption = re.search(r"\\caption\{(.*)\}\n\\label", latex.table_text(_table()))
    assert caption is not None
    assert WARNING.replace("%", r"\%") in caption[1]
    rows = list(csv.DictReader(io.StringIO(csv_format.table_text(_table()))))
    assert all(row["caption"].endswith(WARNING) for row in rows)


@pytest.mark.parametrize("name", sorted(FORMATS.specs()))
def test_every_registered_format_carries_warnings_and_every_method(name: str) -> None:
    files = FORMATS.load(name)("Results", [_table()], ["a remark"])
    everything = "\n".join(files.values())
    for word in ("PSEUDO LABELS", "visible", "infrared", "average", "fuse"):
        assert word in everything


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
    cells = _markdown_cells(markdown.table_text(_table(HOSTILE[:4])))
    assert [len(row) for row in cells] == [4] * 5
    assert [row[0] for row in cells[1:]] == [" ".join(name.split()) for name in HOSTILE[:4]]


@given(
    st.text(
        alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zs", "Zl", "Zp"])
    )
)
def test_any_name_reads_back_from_markdown(name: str) -> None:
    name = f"x{name}"
    cells = _markdown_cells(markdown.table_text(_table([name, "b", "c", "d"])))
    assert cells[1][0] == name
    assert len(cells[1]) == 4


# --- LaTeX ----------------------------------------------------------------------------------


def _without_escapes(text: str) -> str:
    return re.sub(r"\\[\\{}%&#_$]", "", text)


def _check_structure(text: str) -> None:
    assert text.isascii()
    bare = _without_escapes(text)
    depth = 0
    for char in bare:
        depth += (char == "{") - (char == "}")
        assert depth >= 0
    assert depth == 0
    assert "%" not in bare
    assert "#" not in bare
    assert bare.count("$") % 2 == 0
    assert bare.count(r"\begin{tabular}") == bare.count(r"\end{tabular}") == 1
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert {_without_escapes(line[:-2]).count("&") for line in lines} == {3}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_keep_the_latex_table_whole(name: str) -> None:
    text = latex.table_text(_table([name, "b", "c", "d"]))
    _check_structure(text)
    assert r"\input" not in text


@given(st.text(max_size=30))
def test_any_name_keeps_the_latex_table_whole(name: str) -> None:
    _check_structure(latex.table_text(_table([f"x{name}", "b", "c", "d"])))


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
    files = latex.render("t", [_table()])
    assert re.findall(r"\\usepackage.*", "".join(files.values())) == [r"\usepackage{booktabs}"]


def test_report_compiles_with_pdflatex_whatever_the_names_hold(tmp_path: Path) -> None:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("pdflatex is not installed")
    tables = [_table(HOSTILE[:4]), _table([HOSTILE[4], *HOSTILE[:3]])]
    files = latex.render("Results of " + HOSTILE[0], [tables[0]], [HOSTILE[1]])
    files["second.tex"] = latex.table_text(tables[1])
    files["report.tex"] = files["report.tex"].replace(
        r"\end{document}", "\\input{second}\n\\end{document}"
    )
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [program, "-draftmode", "-halt-on-error", "-interaction=nonstopmode", "report.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "report.log").read_text(errors="replace")
    assert not re.search(r"^!|Undefined control|Missing character", log, re.MULTILINE)


# --- CSV ------------------------------------------------------------------------------------


def test_csv_keeps_full_precision_and_tells_holes_from_undefined() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_format.table_text(_table()))))
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
    rows = list(csv.DictReader(io.StringIO(csv_format.table_text(_table(HOSTILE[:4])))))
    assert [rows[3 * i]["method"] for i in range(4)] == HOSTILE[:4]


# --- Terminal -------------------------------------------------------------------------------


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_narrow_terminal_cuts_no_digit_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", "xterm")
    sink = _Terminal()
    print_tables([_table()], sink)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", sink.getvalue())
    for row in _table().rows:
        for shown_cell in row.cells:
            assert shown_cell.text in shown


def test_without_a_terminal_the_text_is_plain() -> None:
    sink = io.StringIO()
    print_tables([_table(HOSTILE[:4])], sink)
    assert "\x1b" not in sink.getvalue()
    assert "6.123*" in sink.getvalue()
