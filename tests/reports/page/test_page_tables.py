"""The tables of a page in a browser: sorted, filtered, their numbers those of the CSV."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
from page_runs import METRICS, ODD

pytestmark = pytest.mark.slow


def _texts(page, selector: str) -> list[str]:
    return [each.inner_text() for each in page.locator(selector).all()]


def _records(run: Path, table: str) -> dict[tuple[str, str], dict[str, str]]:
    with (run / "report" / f"{table}.csv").open() as file:
        return {(row["title"], row["column"]): row for row in csv.DictReader(file)}


def test_a_table_is_sorted_filtered_and_its_columns_chosen(watched, drawn):
    page = watched.open(drawn, "view=tables")
    page.get_by_role("button", name="Nabf").click()
    watched.turned("ts=Nabf")
    head = page.locator("th[aria-sort=ascending]")
    assert "Nabf" in head.inner_text()
    shown = [float(text) for text in _texts(page, "tbody tr td:nth-child(4) .value")]
    assert shown == sorted(shown)
    assert len(shown) == len(ODD)
    page.get_by_role("button", name="Nabf").click()
    page.wait_for_selector("th[aria-sort=descending]")
    page.keyboard.press("/")
    page.keyboard.type("aver")
    watched.turned("tf=aver")
    assert _texts(page, "tbody th") == ["Average"]
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("EN", exact=True).uncheck()
    watched.turned("th=EN")
    assert not any("EN" in text for text in _texts(page, "thead th"))
    page.get_by_text("Protocol and provenance").click()
    assert page.get_by_text("sha256 01234567").first.is_visible()


def test_every_number_is_that_of_the_csv_file(watched, drawn):
    compared = 0
    page = watched.open(drawn, "view=tables")
    tables = page.evaluate("IVIF.run.tables.map((each) => each.name)")
    written = {path.stem for path in (drawn / "report").glob("*.csv")}
    assert {*tables} == written
    for table in tables:
        records = _records(drawn, table)
        page = watched.open(drawn, f"view=tables&ti=1&t={table}")
        page.reload()
        watched.ready()
        columns = list(dict.fromkeys(column for _, column in records))
        for row in page.locator("tbody tr").all():
            title = row.locator("th bdi").first.text_content()
            for key, cell in zip(columns, row.locator("td").all(), strict=True):
                record = records[title, key]
                value = cell.get_attribute("data-value")
                assert (value is None) == (record["value"] == ""), (table, title, key)
                if value is None:
                    continue
                assert math.isclose(float(value), float(record["value"]), rel_tol=1e-12)
                compared += 1
                if table.startswith("statistics-"):
                    continue  # printed in units of their own
                text = cell.locator(".value").inner_text().replace("+", "")
                scale = 1 if key in METRICS else 100
                digits = len(text.partition(".")[2])
                assert abs(float(text) - float(value) * scale) <= 0.5001 * 10**-digits
                if record["ci_low"]:
                    low = float(cell.locator(".interval").inner_text().strip("[]").split(",")[0])
                    assert abs(low - float(record["ci_low"]) * scale) <= 0.5001 * 10**-digits
    assert compared > 500


def test_the_csv_button_gives_the_reports_file(watched, drawn):
    page = watched.open(drawn, "view=tables&t=detection-m3fd")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    text = Path(download.value.path()).read_text()
    assert text == (drawn / "report" / "detection-m3fd.csv").read_text()


def test_headings_end_where_their_numbers_end_sorted_or_not(watched, drawn):
    """On one line at the bottom, and at the same place whether or not a sort mark is shown."""
    page = watched.open(drawn, "view=tables&t=quality-m3fd")
    ends = """() => [...document.querySelectorAll('thead th')].slice(1).map((each, at) => {
        const text = each.querySelector('bdi').getBoundingClientRect();
        const cell = document.querySelector(`tbody tr td:nth-child(${at + 2}) .value`);
        return [text.right, text.bottom, cell.getBoundingClientRect().right];
    })"""
    before = page.evaluate(ends)
    page.get_by_role("button", name="Nabf").click()
    page.wait_for_selector("th[aria-sort=ascending]")
    assert page.evaluate(ends) == before
    for right, bottom, number in before:
        assert abs(right - number) < 1
        assert abs(bottom - before[0][1]) < 1


def test_caption_and_footnotes_are_shown_and_provenance_is_folded(watched, drawn):
    page = watched.open(drawn, "view=tables&t=detection-m3fd&ti=1")
    said = page.locator(".explained").inner_text()
    assert "Detection on" in said
    signs = set("".join(_texts(page, "td .better, td .worse"))) & set("▲▼")
    assert signs
    for sign in signs:
        assert f"{sign} " in said
    assert not page.get_by_text("sha256 01234567").first.is_visible()
    page = watched.open(drawn, "view=tables&t=quality-m3fd")
    page.reload()
    watched.ready()
    letters = set(_texts(page, "tbody sup"))
    assert letters
    assert letters <= set(_texts(page, ".explained sup"))
