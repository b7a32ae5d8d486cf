"""Tables for print: what presets choose, what a run may change of them, and that no number changes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixed_table import fixed_table
from paper_runs import METRICS, NAMES, entry, paper_run, value_of

from ivif_bench.config_reading import parse_config
from ivif_bench.errors import UserError
from ivif_bench.reports.formats import markdown
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.paper_files import paper_files
from ivif_bench.reports.presets import WIDTHS, TableOptions, preset_names, table_options
from ivif_bench.reports.published import load_source, shipped
from ivif_bench.reports.ranks import ranks_of
from ivif_bench.reports.table import Table
from ivif_bench.reports.write import Report, build_report
from ivif_bench.validation import checked


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, new_run: Any) -> Path:
    return paper_run(new_run(tmp_path_factory.mktemp("run")))


def _report(run: Path, *given: Any, published: bool = False) -> Report:
    sources = [load_source(name) for name in shipped()] if published else []
    options = [checked(TableOptions, each, "table") for each in given]
    return build_report(load_run(run), sources=sources, papers=options)


def _table(run: Path, given: Any, **more: Any) -> Table:
    (table,) = [each for each in _report(run, given, **more).tables if each.paper]
    return table


def _texts(table: Table, method: str) -> list[str]:
    return next([cell.text for cell in row.cells] for row in table.rows if row.name == method)


def test_every_preset_is_known_and_has_its_columns(run: Path) -> None:
    tables = {t.name: t for t in _report(run, *preset_names()).tables if t.paper}
    assert set(tables) >= {*preset_names()} - {"ddfm-2", "dmnet-3", "dmnet-4", "dmnet-6"}
    assert [c.title for c in tables["dmnet-1"].columns] == list(METRICS[:10])
    assert [c.title for c in tables["dmnet-7"].columns] == [
        "People", "Car", "Bus", "Motor", "Truck", "Lamp", "mAP@0.5",
    ]  # fmt: skip
    assert [(c.group, c.title) for c in tables["ddfm-1"].columns] == [
        (group, title)
        for group in ("MSRS", "M3FD")
        for title in ("EN", "SD", "MI", "VIF", "Qabf", "SSIM")
    ]
    assert {c.group for c in tables["ddfm-1-2"].columns} == {""}  # TNO stands alone
    assert [(c.key, c.decimals) for c in tables["dmnet-8"].columns] == [
        ("parameters", 2),
        ("flops[480x640]", 2),
        ("seconds[480x640]", 2),
        ("peak_bytes[480x640]", 0),
        ("quality/SF", 3),
    ]
    assert _texts(tables["dmnet-8"], "ddfm")[:2] == ["5.01", "1.25"]
    assert _texts(tables["dmnet-8"], "ddfm")[-1] == f"{value_of('msrs', 'ddfm', 'SF'):.3f}"


def test_the_published_cost_of_dmnet_is_beside_ours_in_our_units(run: Path) -> None:
    table = _table(run, "dmnet-8", published=True)
    assert _texts(table, "DMNet (published)") == ["386", "—", "1.50", "9940", "14.655"]
    assert _texts(table, "Diff-IF (published)")[0] == "23.74"


def test_rows_that_are_not_defined_stand_in_the_table_with_their_reason(run: Path) -> None:
    given = {
        "preset": "dmnet-2",
        "methods": ["max", "ae4", "average"],
        "undefined": {"ae4": "the text does not describe it"},
        "remarks": {"average": "thresholds are ours"},
    }
    table = _table(run, given)
    assert [row.name for row in table.rows] == ["max", "ae4", "average"]
    assert table.rows[1].title == "ae4 (not defined)"
    notes = {note.letter: note.text for note in table.notes}
    assert notes[table.rows[1].note] == "the text does not describe it"
    assert notes[table.rows[2].note] == "thresholds are ours"
    assert {cell.text for cell in table.rows[1].cells} == {"—"}
    assert not any(cell.mark for cell in table.rows[1].cells)


def test_a_preset_without_its_dataset_is_left_out_and_the_report_says_so(run: Path) -> None:
    report = _report(run, "dmnet-4")
    assert not any(table.paper for table in report.tables)
    assert report.remarks == (
        "Table dmnet-4 was left out: the run has no quality results on LLVIP with its columns.",
    )


def test_numbers_are_those_of_the_ordinary_tables(run: Path) -> None:
    table = _table(run, {"preset": "ddfm-1", "datasets": ["M3FD", "MSRS"], "decimals": 3})
    for name in NAMES:
        expected = [
            f"{value_of(dataset, name, metric):.3f}"
            for dataset in ("m3fd", "msrs")
            for metric in ("EN", "SD", "MI", "VIF", "Qabf", "SSIM")
        ]
        assert _texts(table, name) == expected


def test_a_run_may_change_any_part(run: Path) -> None:
    table = _table(
        run,
        {
            "preset": "dmnet-2",
            "name": "mine",
            "metrics": ["SF", "EN"],
            "methods": ["ddfm", "average"],
            "names": {"ddfm": "Ours"},
            "cite": {"average": "nobody1900"},
            "titles": {"SF": "S. F."},
            "decimals": {"SF": 1, "EN": 0},
            "marks": "best",
            "width": "cvpr-column",
            "caption": "Mine.",
        },
    )
    assert (table.name, table.caption) == ("mine", "Mine.")
    assert [c.title for c in table.columns] == ["S. F.", "EN"]
    assert [(row.title, row.cite) for row in table.rows] == [
        ("Ours", "zhao2023ddfm"),
        ("average", "nobody1900"),
    ]
    assert _texts(table, "ddfm")[0] == f"{value_of('msrs', 'ddfm', 'SF'):.1f}"
    assert {cell.mark for row in table.rows for cell in row.cells} == {"best", ""}
    assert table.paper is not None
    assert table.paper.width == "cvpr-column"


def test_marks_are_of_the_rows_that_are_left(run: Path) -> None:
    whole = _table(run, {"preset": "dmnet-2", "metrics": ["EN"]})
    ranked = [row for row in whole.rows if row.ranked]
    best = next(row.name for row in ranked if row.cells[0].mark == "best")
    rest = [row.name for row in ranked if row.name != best]
    part = _table(run, {"preset": "dmnet-2", "metrics": ["EN"], "methods": rest})
    top = max(rest, key=lambda name: value_of("msrs", name, "EN"))
    assert [row.name for row in part.rows if row.cells[0].mark == "best"] == [top]


@pytest.mark.parametrize("spread", ["none", "sd", "interval"])
def test_what_stands_behind_a_mean_is_printed_and_said(run: Path, spread: str) -> None:
    options = {"preset": "dmnet-2", "metrics": ["EN"], "decimals": 2, "spread": spread}
    table = _table(run, options)
    estimate = next(row.cells[0].estimate for row in table.rows if row.name == "ddfm")
    mean = f"{estimate.value:.2f}"
    assert _texts(table, "ddfm") == [
        {
            "none": mean,
            "sd": f"{mean} ± {estimate.sd_images:.2f}",
            "interval": f"{mean} [{estimate.low:.2f}, {estimate.high:.2f}]",
        }[spread]
    ]
    said = {"none": "", "sd": "± sample", "interval": "[95 % interval"}[spread]
    assert table.paper is not None
    assert any(line.startswith(said) for line in table.paper.footer)


def test_shares_instead_of_percent(run: Path) -> None:
    percent = _table(run, {"preset": "dmnet-7", "metrics": ["Car"]})
    shares = _table(run, {"preset": "dmnet-7", "metrics": ["Car"], "percent": False, "decimals": 3})
    for name in NAMES:
        assert float(_texts(percent, name)[0]) == pytest.approx(
            100 * float(_texts(shares, name)[0]), abs=0.1
        )


def test_groups_stand_together_under_one_heading(run: Path) -> None:
    groups = {"Plain & old": ["average", "max"], "Learned": ["ddfm"]}
    table = _table(run, {"preset": "dmnet-2", "groups": groups})
    order = [(row.group, row.name) for row in table.rows]
    assert order[2:] == [("Plain & old", "average"), ("Plain & old", "max"), ("Learned", "ddfm")]
    text = paper_files([table])["dmnet-2.tex"]
    assert text.count(r"\multirow{2}{*}{Plain \& old}") == 1
    assert text.count(r"\multirow{1}{*}{Learned}") == 1
    assert "Plain &amp; old: average" in markdown.text("", [table])


def test_published_rows_come_last_cited_and_unmarked(run: Path) -> None:
    tables = [t for t in _report(run, "ddfm-1", published=True).tables if t.paper]
    table = tables[0]
    own = [row for row in table.rows if not row.published]
    published = table.rows[len(own) :]
    assert [row.published for row in published] == [True] * 8
    assert {row.cite for row in published} == {"zhao2023ddfm"}
    assert not any(cell.mark for row in published for cell in row.cells)
    assert [cell.text for cell in published[-1].cells[:3]] == ["6.88", "40.75", "2.35"]
    files = paper_files(tables)
    assert files["references.bib"].count("@inproceedings{zhao2023ddfm,") == 1
    without = _report(run, {"preset": "ddfm-1", "published": False}, published=True).tables
    assert not any(row.published for t in without if t.paper for row in t.rows)


def test_the_long_footer_is_in_the_appendix_and_in_markdown(run: Path) -> None:
    table = _table(run, "dmnet-2")
    files = paper_files([table])
    assert "Commit" not in files["dmnet-2.tex"]
    for text in (files["appendix-ieee.tex"], markdown.text("", [table])):
        assert all(line.split(":")[0] in text for line in table.footer)
        assert "Commit" in text


def test_ranks_are_those_of_the_tables(run: Path) -> None:
    report = _report(run, "overview")
    overview = report.tables[-1]
    assert [column.group for column in overview.columns[:-1]] == [
        "Quality", "Quality", "Quality", "Detection", "Segmentation",
    ]  # fmt: skip
    names = [name for name in NAMES if name not in ("visible", "infrared")]
    values = {n: [value_of("msrs", n, m) for m in METRICS] for n in names}
    for name in names:
        ranks = [
            1 + sum(values[o][i] > values[name][i] for o in names) for i in range(len(METRICS))
        ]
        row = next(row for row in overview.rows if row.name == name)
        assert row.cells[0].estimate.value == pytest.approx(np.mean(ranks))
    assert _texts(overview, "visible")[0] == "—"
    assert _texts(overview, "visible")[-1] == "—"


def test_equal_numbers_share_the_mean_of_their_ranks() -> None:
    # EN 1 and 2, BRISQUE 1.5 (with one more) and 3, IoU 2 and 1; two methods lack a number
    assert ranks_of(fixed_table()) == {"visible": (1 + 1.5 + 2) / 3, "average": (2 + 3 + 1) / 3}


def test_configurations_take_presets_and_refuse_what_is_not_there(run: Path) -> None:
    content = {
        "name": "r",
        "datasets": {"d": {"layout": "msrs", "root": "x"}},
        "methods": ["average"],
        "table": ["ddfm-1", {"preset": "dmnet-2", "names": {"average": "Mean"}}],
    }
    tables = parse_config(content).table
    assert [table.name for table in tables] == ["ddfm-1", "dmnet-2"]
    assert parse_config({**content, "table": "overview"}).table == table_options(["overview"])
    again = json.loads(json.dumps([table.model_dump(mode="json") for table in tables]))
    assert parse_config({**content, "table": again}).table == tables
    for wrong, words in (
        ("ddfm1", "no table preset 'ddfm1'; did you mean ddfm-1"),
        ({"name": "x", "colour": 1}, "unknown key"),
        ({"task": "quality"}, "give a preset or a name"),
        ({"preset": "ddfm-1", "methods": ["avrage"]}, "no row 'avrage' in this run; .*average"),
        ({"preset": "ddfm-1", "width": "a4"}, "table.0.width"),
        ({"preset": "ddfm-1", "decimals": 99}, "decimals: expected 0 to 12"),
    ):
        with pytest.raises(UserError, match=words):
            parse_config({**content, "table": [wrong]})


def test_rows_of_methods_without_a_paper_cite_nothing(run: Path) -> None:
    text = paper_files([_table(run, "dmnet-2")])["dmnet-2.tex"]
    assert text.count(r"\cite{") == 1
    assert entry("ddfm") in paper_files([_table(run, "dmnet-2")])["references.bib"]


def test_the_docs_name_every_key_preset_and_source(repository: Path) -> None:
    page = (repository / "docs" / "tables.md").read_text(encoding="utf-8")
    keys = set(
        re.findall(r"^\| `(\w+)` \|", page.partition("| key |")[2].partition("## ")[0], re.M)
    )
    assert keys == set(TableOptions.model_fields)
    for name in {*preset_names(), *shipped()} - {"dmnet-2", "dmnet-3"}:
        assert f"| `{name}`" in page or f"… `{name}`" in page
    for name, points in WIDTHS.items():
        assert f"`{name}` ({points} pt)" in page
