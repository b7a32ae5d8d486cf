"""Published numbers: as the papers print them, beside ours, never ranked, never elsewhere."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fixed_table import fixed_table
from report_tables import METHODS, values_of

from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS as FUSION
from ivif_bench.reports.beside import DatasetIdentity, with_published
from ivif_bench.reports.formats import FORMATS
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.published import PublishedSource, citation_keys, load_source, shipped
from ivif_bench.reports.table import Table
from ivif_bench.reports.write import Report, build_report

SHIPPED = [load_source(name) for name in shipped()]
MINE = "dataset,method,metric,value\nMSRS,A & B,EN,99.10\nMSRS,A & B,SF,5\nOther,C,EN,7\n"


def _source(folder: Path, text: str = MINE) -> PublishedSource:
    (folder / "mine.csv").write_text(text)
    return load_source(str(folder / "mine.csv"))


def _report(run: Path, new_run: Any, *sources: PublishedSource, **identity: Any) -> Report:
    builder = new_run(run)
    for i, method in enumerate(METHODS):
        builder.quality(method, values_of(i))
    about = {"names": ["msrs"], "drawn": False, **identity}
    return build_report(load_run(builder.write(identities={"msrs": about})), sources=sources)


def _table(*given: Any, **more: Any) -> Table:
    (table,) = _report(*given, **more).tables
    return table


def test_shipped_numbers_are_those_of_the_papers(shared: Path) -> None:
    printed = []
    for path in sorted((shared / "facts" / "published").glob("*.csv")):
        with path.open() as file:
            rows = csv.DictReader(file)
            printed += [
                tuple(row[k] for k in ("dataset", "method", "metric", "value")) for row in rows
            ]
    ours = [(n.dataset, n.method, n.metric, n.text) for s in SHIPPED for n in s.numbers]
    assert sorted(ours) == sorted(printed)
    assert len(ours) == 275


def test_every_shipped_number_has_its_place_a_note_and_an_entry() -> None:
    for source in SHIPPED:
        assert source.note
        for number in source.numbers:
            assert number.table
            assert number.citation in citation_keys(source.bibtex)
    entries = {n: FUSION.get(n).published for n in ("ddfm", "dmnet")}
    for source in SHIPPED:
        found = entries[source.name.split("-")[0]]
        assert found is not None
        assert found.bibtex == source.bibtex


def test_published_rows_stand_below_ours_unranked_with_their_digits(
    tmp_path: Path, new_run: Any
) -> None:
    plain, table = _table(tmp_path, new_run), _table(tmp_path, new_run, _source(tmp_path))
    assert table.rows[:-1] == plain.rows
    row = table.rows[-1]
    assert (row.title, row.ranked, row.published) == ("A & B (published)", False, True)
    assert [cell.text for cell in row.cells] == ["99.10", "5"]
    assert not any(cell.mark for cell in row.cells)
    note = next(note.text for note in table.notes if note.letter == row.note)
    assert note.startswith("published (mine), not computed here and not ranked")
    assert "not ranked" in table.caption


@pytest.mark.parametrize(
    ("names", "found"),
    [(["msrs"], 8), (["M3FD"], 8), (["m3fd-fusion"], 8), (["llvip"], 0), (["mymsrs"], 0), ([], 0)],
)
def test_only_the_same_dataset_has_published_rows(
    names: list[str], found: int, tmp_path: Path, new_run: Any
) -> None:
    ddfm = load_source("ddfm")
    table = _table(tmp_path, new_run, ddfm, names=names)
    assert sum(row.published for row in table.rows) == found
    for row in table.rows[len(METHODS) :]:
        (printed,) = [
            n.text
            for n in ddfm.numbers
            if n.dataset.lower() == names[0].split("-")[0].lower()
            and f"{n.method} (published)" == row.name
            and n.metric == "EN"
        ]
        assert row.cells[0].text == printed


def test_drawn_scenes_are_another_dataset(tmp_path: Path, new_run: Any) -> None:
    report = _report(tmp_path, new_run, *SHIPPED, drawn=True)
    assert not any(row.published for table in report.tables for row in table.rows)
    (remark,) = report.remarks
    assert remark == (
        "No published numbers beside MSRS: its images are drawn scenes, another dataset than MSRS."
    )


def test_a_run_that_does_not_say_what_its_images_are_gets_none(
    tmp_path: Path, new_run: Any
) -> None:
    builder = new_run(tmp_path)
    builder.quality("visible", values_of(0))
    report = build_report(load_run(builder.write()), sources=SHIPPED)
    assert not any(row.published for row in report.tables[0].rows)
    assert "repeat 'ivif-bench run CONFIG'" in report.remarks[0]


def test_ablations_are_for_their_own_table(tmp_path: Path, new_run: Any) -> None:
    table = _table(tmp_path, new_run, *SHIPPED, names=["roadscene"])
    assert not any("config I" in row.name for row in table.rows)


def test_numbers_in_percent_keep_their_unit() -> None:
    text = "dataset,method,metric,value\nX,Paper,traffic_light,43.5\n"
    source = replace(SHIPPED[0], numbers=_numbers(text))
    table, _ = with_published(fixed_table(), "x", DatasetIdentity(("x",)), [source])
    cell = table.rows[-1].cells[2]
    assert cell.text == "43.5"
    assert cell.estimate.value is not None
    assert math.isclose(cell.estimate.value, 0.435)


def _numbers(text: str) -> Any:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return _source(Path(folder), text).numbers


@pytest.mark.parametrize("name", sorted(FORMATS.specs()))
def test_every_format_shows_them(name: str, tmp_path: Path, new_run: Any) -> None:
    table = _table(tmp_path, new_run, _source(tmp_path))
    text = "\n".join(FORMATS.load(name)("t", [table]).values())
    assert "99.1" in text
    assert "published" in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n", ["header is a, b", "dataset, method, metric, value"]),
        ("", ["header is empty"]),
        (MINE + "MSRS,D,EN,x\n", ["line 5", "'x' is not a number"]),
        ("# note: n\n" + MINE + "MSRS,D,EN,nan\n", ["line 6", "'nan' is not a number"]),
        (MINE + "MSRS,D,EN\n", ["line 5: 3 cells"]),
        (MINE + "MSRS,,EN,1\n", ["line 5: method is empty"]),
        (MINE + "MSRS,A & B,EN,1\n", ["line 5: a second EN of A & B"]),
        ("dataset,method,metric,value,citation\nM,a,EN,1,x}y\n", ["citation 'x}y'"]),
        ("dataset,method,metric,value,colour\n", ["colour"]),
    ],
)
def test_a_broken_file_is_named_with_its_line(text: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        _source(tmp_path, text)
    for word in ("mine.csv", *words):
        assert word in str(caught.value)


def test_an_unknown_source_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'dfdm' is neither a shipped source nor .*ddfm"):
        load_source("dfdm")
    with pytest.raises(UserError, match=r"cannot read .*none\.csv"):
        load_source(str(tmp_path / "none.csv"))
