"""What a browser shows of tables and images: files as shown, links to originals, images elsewhere."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from page_runs import page_run

from ivif_bench.reports.page.tables import table_content
from ivif_bench.reports.page.write import write_page
from ivif_bench.reports.table import Column, Row, Table, cell
from ivif_bench.statistics import Estimate

pytestmark = pytest.mark.slow


def test_the_file_of_a_table_as_shown_has_its_intervals(watched, drawn):
    page = watched.open(drawn, "view=tables&t=detection-m3fd&ti=1&tf=aver")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV as shown").click()
    head, row = csv.reader(Path(download.value.path()).read_text().splitlines())
    with (drawn / "report" / "detection-m3fd.csv").open() as file:
        records = {r["column"]: r for r in csv.DictReader(file) if r["method"] == "average"}
    keys = {each["title"]: each["key"] for each in _columns(page)}
    assert row[0] == "Average"
    compared = 0
    for title, text in zip(head[1:], row[1:], strict=True):
        name, _, end = title.partition(", 95 % ")
        record = records[keys[name]]
        expected = record[{"": "value", "from": "ci_low", "to": "ci_high"}[end]]
        assert (text == "") == (expected == ""), title
        if text:
            assert float(text) == pytest.approx(float(expected), rel=1e-12)
            compared += bool(end)
    assert compared >= 4
    page.locator("#intervals").uncheck()
    page.wait_for_function("() => !document.querySelector('.interval')")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV as shown").click()
    assert "95 %" not in Path(download.value.path()).read_text()


def _columns(page) -> list[dict]:
    (at,) = page.evaluate(
        "IVIF.run.tables.filter((each) => each.name === 'detection-m3fd').map((each) => each.id)"
    )
    return page.evaluate(f"IVIF.load('tables/{at}').then((found) => found.columns)")


def test_rows_of_groups_have_the_same_names_in_the_file_and_on_the_page(watched, drawn):
    columns = (Column("EN", "EN"),)
    cells = (cell(Estimate(0.5), columns[0]),)
    rows = tuple(Row("average", 'Average, "a"', cells, group=group) for group in ("one", "two"))
    page = watched.open(drawn)
    shown, text = page.evaluate(
        """(content) => {
          const options = { published: true };
          const heads = IVIF.table.table(content, options).querySelectorAll('tbody th');
          return [[...heads].map((each) => each.textContent), IVIF.table.csvOf(content, options)];
        }""",
        table_content(Table("x", "x", "", columns, rows), {}),
    )
    assert shown == ['one: Average, "a"', 'two: Average, "a"']
    assert [row[0] for row in csv.reader(text.splitlines())] == ["Method", *shown]


@pytest.mark.parametrize("mode", ["grid", "slider", "difference"])
def test_both_images_link_to_their_originals(watched, drawn, mode):
    page = watched.open(drawn, f"view=images&m=m0,m2&i=00003&mode={mode}")
    links = page.locator("figcaption a")
    found = [each.get_attribute("href") for each in links.all()]
    assert found == [f"../../fused/m3fd/{name}/00003.png" for name in ("visible", "average")]
    assert page.get_by_role("link", name="original of Visible").is_visible()
    for path in found:
        assert (drawn / "report" / "page" / path).resolve().is_file()


@pytest.mark.parametrize("regular", [True, False])
def test_images_outside_of_the_run_have_previews_and_no_link_and_the_page_says_why(
    watched, tmp_path, regular
):
    """No file of the page names the folder that they lie in, either."""
    run = page_run(tmp_path / "run", 2, {"visible": "Visible", "average": "Average"}, False, False)
    elsewhere = tmp_path / "elsewhere"
    shutil.move(run / "fused" / "m3fd" / "average", elsewhere)
    plan = json.loads((run / "plan.json").read_text())
    place = str(elsewhere / "{stem}.png")
    stems = ("00000", "00001")
    plan["images"]["m3fd"]["average"] = (
        place if regular else {stem: place.replace("{stem}", stem) for stem in stems}
    )
    (run / "plan.json").write_text(json.dumps(plan))
    for images, words in ((1, "original outside of the run"), (0, "No preview of this image")):
        write_page(run, images=images)
        about = (run / "report" / "page" / "data" / "images" / "d0" / "stems.js").read_text()
        at = 0 if images == 0 else json.loads(about[about.index(',{"') + 1 : -3])["previews"][0]
        page = watched.open(run, f"view=images&m=m0,m1&i={stems[at]}")
        page.reload()
        watched.ready("images")
        outside = page.locator("figure[data-method=m1]")
        assert words in outside.inner_text()
        assert outside.locator("a").count() == 0
        assert outside.locator("img").count() == images
        assert page.locator("figure[data-method=m0] a").count() == 1
    for path in (run / "report" / "page").rglob("*.js"):
        assert "elsewhere/" not in path.read_text()


def test_an_image_that_a_method_lacks_has_no_missed_objects(watched, tmp_path):
    run = page_run(tmp_path / "run", 2, {"visible": "Visible", "average": "Average"}, masks=False)
    path = min((run / "checkpoints").glob("detections-*.json"))  # that of the first method
    content = json.loads(path.read_text())
    gone = content["truth"]["images"].pop(1)
    for part in (content["truth"]["annotations"], content["detections"]):
        part[:] = [each for each in part if each["image_id"] != gone["id"]]
    path.write_text(json.dumps(content))
    write_page(run)
    page = watched.open(run, f"view=images&m=m0,m1&i={Path(gone['file_name']).stem}")
    first, second = (page.locator(f"figure[data-method={each}]") for each in ("m0", "m1"))
    assert "this image was not judged" in first.inner_text()
    assert first.locator(".boxes rect").count() == 0
    assert " found, " in second.inner_text()
    assert second.locator(".boxes rect:not(.under)").count() > 1
