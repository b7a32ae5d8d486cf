"""The page in a browser, opened from disk: what a reader does, and what must not happen meanwhile."""

from __future__ import annotations

import csv
import math
import re
import threading
from pathlib import Path

import pytest
from page_runs import MARKUP, METRICS, ODD, page_run

from ivif_bench.detections.stored import read_stored
from ivif_bench.reports.detection_pictures import shown_on
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.page.server import serve
from ivif_bench.reports.page.write import write_page

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


def test_images_are_sorted_by_missed_objects_and_by_a_difference(watched, drawn):
    page = watched.open(drawn, "view=images")
    page.locator("#sort-by").select_option(label="Missed objects\u00a0↓")
    watched.turned("s=")
    page.locator("#sort-of").select_option(label=ODD["odd-long"])
    watched.turned("so=odd-long")
    page.wait_for_function("() => document.querySelectorAll('.stem .amount').length > 3")
    page.wait_for_timeout(200)
    counts = [int(text) for text in _texts(page, ".stem .amount")]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]
    page.locator("#sort-less").select_option(label="Visible")
    watched.turned("sm=visible")
    page.locator("#tag").select_option("night")
    watched.turned("tag=night")
    page.wait_for_function("() => document.querySelector('.side').innerText.includes('4 of 12')")


def test_two_methods_zoom_in_step_and_the_address_brings_it_back(watched, drawn):
    page = watched.open(drawn, "view=images&m=m0,m2&i=00003")
    first = page.locator(".panel .viewport").first
    box = first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.4)
    page.mouse.wheel(0, -300)
    page.mouse.wheel(0, -300)
    watched.turned("z=")
    page.wait_for_timeout(1000)  # the address follows the last step of the wheel a little later
    moved = (
        "[...document.querySelectorAll('.inner')].map((each) => getComputedStyle(each).transform)"
    )
    one, other = page.evaluate(moved)
    assert one == other
    assert float(re.match(r"matrix\(([\d.]+)", one).group(1)) > 1.2
    page.reload()
    watched.ready("images 00003")
    page.wait_for_timeout(300)
    again, other = page.evaluate(moved)
    assert again == other
    assert float(re.match(r"matrix\(([\d.]+)", again).group(1)) > 1.2
    page.get_by_role("button", name="Whole image").click()
    page.wait_for_function("() => !location.hash.includes('z=')")
    assert page.locator("[aria-pressed=true][data-method]").count() == 2


def test_the_line_between_two_methods_is_dragged_and_moved_by_keys(watched, drawn):
    page = watched.open(drawn, "view=images&mode=slider&m=m0,m2&i=00003")
    line = page.get_by_role("slider", name="Line between")
    box = page.locator(".frame").bounding_box()
    handle = line.bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40, steps=5)
    page.mouse.up()
    assert abs(int(line.get_attribute("aria-valuenow")) - 25) <= 1
    watched.turned("x=25")
    line.focus()
    page.keyboard.press("ArrowRight")
    assert abs(int(line.get_attribute("aria-valuenow")) - 30) <= 1
    assert "30" in page.locator(".over").evaluate("(each) => each.style.clipPath")


def test_boxes_masks_and_the_threshold_change_what_lies_over_the_image(watched, drawn):
    page = watched.open(drawn, "view=images&m=m3&i=00002")
    rectangles = page.locator(".boxes rect:not(.under)")
    before = rectangles.count()
    assert before > 1
    page.locator("#box-found").uncheck()
    watched.turned("bh=f")
    page.wait_for_function(
        f"() => document.querySelectorAll('.boxes rect:not(.under)').length < {before}"
    )
    page.keyboard.press("b")
    page.wait_for_function("() => !document.querySelector('.boxes')")
    page.keyboard.press("b")
    page.wait_for_function("() => document.querySelector('.boxes')")
    level = page.locator("#threshold")
    level.focus()
    page.keyboard.press("End")
    watched.turned("thr=1.00")
    page.wait_for_function(
        "() => document.querySelector('.counts').innerText.startsWith('0 found')"
    )
    for name in ("truth", "prediction", "errors"):
        page.locator(f"#mask-{name}").check()
        page.wait_for_selector(f"img.mask.{name}")
    loaded = "() => [...document.querySelectorAll('img.mask')].every((each) => each.naturalWidth)"
    page.wait_for_function(loaded)
    page.get_by_role("button", name="Difference").click()
    blend = "getComputedStyle(document.querySelector('img.other')).mixBlendMode"
    page.wait_for_selector("img.other")
    assert page.evaluate(blend) == "difference"


def test_the_numbers_of_an_image_are_counted_at_the_chosen_confidence(watched, drawn):
    """Against ``shown_on``, which counts for the report's pictures."""
    (unit,) = (
        each
        for each in load_run(drawn).planned
        if each.task == "detection" and each.method == "odd-markup"
    )
    boxes = read_stored(drawn / "checkpoints" / f"detections-{unit.key}.json").boxes
    page = watched.open(drawn, "view=images&m=m3&i=00002&s=c1|missed")
    assert "own confidence" in page.locator(".controls").inner_text()
    seen = set()
    for level in (0.3, 0.6, 0.9):
        page.evaluate(f"IVIF.state.set({{ thr: '{level}' }})")
        page.wait_for_function(
            f"() => document.querySelector('.metrics').innerText.includes('confidence ≥ {level:.2f}')"
        )
        missed, wrong, found = (
            page.locator(".metrics tr", has_text=text).locator("td").inner_text()
            for text in ("Missed objects", "Wrong detections", "Objects found")
        )
        said = f"{found} found, {missed} missed, {wrong} wrong"
        assert said == shown_on(boxes, "00002", level).counts
        assert page.locator(".counts").inner_text().startswith(said)
        seen.add(said)
    assert len(seen) > 1


def test_a_source_is_not_the_best_of_an_image_in_fusion_quality(watched, drawn):
    """The stored values say which of the fused images is best; sources beat it somewhere."""
    page = watched.open(drawn, "view=images&m=m0,m1,m2,m3")
    better = 0
    for stem in ("00002", "00003", "00004"):
        page.evaluate(f"IVIF.state.set({{ i: '{stem}' }})")
        watched.ready(f"images {stem}")
        for key, direction in METRICS.items():
            row = page.locator(".metrics tr", has_text=key).first
            cells = row.locator("td").all()
            values = [float(each.get_attribute("data-value")) for each in cells]
            bold = [at for at, each in enumerate(cells) if "best" in each.get_attribute("class")]
            most = max if direction == "up" else min
            assert bold == [values.index(most(values[2:]))], (stem, key)
            better += values.index(most(values)) < 2
    assert better


def test_back_returns_to_the_image_before(watched, drawn):
    page = watched.open(drawn, "view=images&i=00003")
    page.get_by_role("button", name="Next image").click()
    watched.ready("images 00004")
    page.get_by_role("button", name="Next image").click()
    watched.ready("images 00005")
    page.locator("#threshold").focus()
    page.keyboard.press("ArrowRight")
    watched.turned("thr=")
    page.go_back()
    watched.ready("images 00004")
    page.go_back()
    watched.ready("images 00003")


def test_the_address_holds_names_and_says_what_the_run_does_not_have(watched, drawn):
    page = watched.open(drawn, "view=images&d=m3fd&m=average,visible&i=00003")
    assert _texts(page, "figcaption .title") == ["Average", "Visible"]
    assert page.locator(".work > .warning").is_hidden()
    page.locator("button[data-method=m1]").click()
    watched.turned("m=average,visible,infrared")
    page = watched.open(drawn, "view=images&d=gone&m=average,lost&i=99999")
    page.wait_for_selector(".work > .warning")
    said = page.locator(".work > .warning").inner_text()
    for part in ("no dataset gone", "no image 99999", "lost"):
        assert part in said


def test_a_filter_without_a_match_shows_no_image(watched, drawn):
    page = watched.open(drawn, "view=images&i=00003&f=nothing-like-it")
    watched.ready("images none")
    assert "No image matches" in page.locator(".work").inner_text()
    assert page.locator("img.base").count() == 0
    page.locator("[data-filter]").fill("")
    watched.ready("images 00003")


def test_the_slider_marks_its_two_methods_and_has_only_their_numbers(watched, drawn):
    page = watched.open(drawn, "view=images&mode=slider&m=visible,infrared,average&i=00003")
    pressed = "button.chip[aria-pressed=true]"
    assert [text.split("\n")[-1] for text in _texts(page, pressed)] == ["left", "right"]
    assert _texts(page, ".metrics thead th")[1:] == ["Visible", "Average"]
    page.locator("button[data-method=m0]").click()
    watched.turned("ref=average")
    page.wait_for_function(
        "() => document.querySelector('.metrics thead').innerText.includes('Average\tVisible')"
    )
    assert _texts(page, "figcaption .title bdi") == ["Average", "Visible"]


def test_a_difference_says_its_gain_marks_the_reference_and_has_no_boxes(watched, drawn):
    page = watched.open(drawn, "view=images&mode=difference&m=visible,average&i=00003")
    marked = page.locator("figure", has=page.locator(".reference"))
    assert marked.get_attribute("data-method") == "m0"
    assert page.locator(".boxes").count() == 0
    assert page.locator("#gain-shown").inner_text() == "× 2"
    page.locator("#gain").focus()
    page.keyboard.press("ArrowRight")
    watched.turned("gain=3")
    page.wait_for_function("() => document.querySelector('.pair').parentElement")
    assert page.locator("#gain-shown").inner_text() == "× 3"
    assert page.locator("figure[data-method=m2] .pair").evaluate("(each) => each.style.filter") == (
        "brightness(3)"
    )


def test_no_name_of_a_box_covers_another(watched, drawn):
    """In a small window, with every object missed at a high confidence; some names have no room."""
    page = watched.open(drawn, "view=images&m=average&i=00000&thr=1.00")
    page.set_viewport_size({"width": 320, "height": 800})
    shown = """() => [...document.querySelectorAll('.label')]
        .filter((each) => each.style.visibility !== 'hidden')
        .map((each) => each.getBoundingClientRect()).map((r) => [r.left, r.top, r.right, r.bottom])"""
    count = hidden = 0
    for at in range(12):
        page.evaluate(f"IVIF.state.set({{ i: '{at:05d}', z: '' }})")
        watched.ready(f"images {at:05d}")
        if at == 0:
            continue  # drawn before the window was small
        boxes = page.evaluate(shown)
        for index, one in enumerate(boxes):
            for other in boxes[:index]:
                apart = one[2] <= other[0] or other[2] <= one[0]
                assert apart or one[3] <= other[1] or other[3] <= one[1]
        count += len(boxes)
        hidden += page.locator(".label[style*=hidden]").count()
    assert count
    assert hidden


def test_names_of_a_scatter_are_whole_inside_the_plot(watched, drawn):
    for width in (1280, 390):
        page = watched.open(drawn, "view=plots")
        page.set_viewport_size({"width": width, "height": 900})
        page.reload()
        watched.ready("plots")
        plot = page.locator(".scatter").bounding_box()
        names = page.locator(".scatter .point text").all()
        assert names
        for each in names:
            box = each.bounding_box()
            assert box["x"] >= plot["x"] - 1
            assert box["x"] + box["width"] <= plot["x"] + plot["width"] + 1


def test_points_of_plots_open_images(watched, drawn):
    page = watched.open(drawn, "view=plots")
    page.locator(".point").nth(2).click()
    watched.ready("images")
    assert page.locator(".panel").count() == 1
    page.goto(page.url.partition("#")[0] + "#view=plots&p=images&ic=Qabf")
    watched.ready("plots images")
    plot = page.locator(".u-over").bounding_box()
    page.mouse.move(plot["x"] + plot["width"] * 0.5, plot["y"] + plot["height"] * 0.5)
    page.wait_for_function("() => document.querySelector('.reading').innerText.length > 5")
    stem = page.locator(".reading").inner_text().partition(",")[0]
    page.mouse.click(plot["x"] + plot["width"] * 0.5, plot["y"] + plot["height"] * 0.5)
    watched.ready(f"images {stem}")
    page.go_back()
    watched.ready("plots images")
    page.locator("[data-plot=curves]").click()
    watched.ready("plots curves")
    plot = page.locator(".u-over").bounding_box()
    page.mouse.move(plot["x"] + plot["width"] * 0.4, plot["y"] + 20)
    page.mouse.click(plot["x"] + plot["width"] * 0.4, plot["y"] + 20)
    watched.ready("images")
    watched.turned("thr=0.")


def test_the_keyboard_is_enough(watched, drawn):
    page = watched.open(drawn)
    page.keyboard.press("i")
    watched.ready("images 00000")
    page.keyboard.press("ArrowRight")
    watched.ready("images 00001")
    page.keyboard.press("ArrowLeft")
    watched.ready("images 00000")
    before = page.locator("button[data-method=m2]").get_attribute("aria-pressed")
    page.keyboard.press("3")
    page.wait_for_function(
        f"() => document.querySelector('button[data-method=m2]').getAttribute('aria-pressed') !== '{before}'"
    )
    page.keyboard.press("s")
    page.wait_for_selector(".line")
    page.keyboard.press("?")
    assert page.locator("dialog[open]").count() == 1
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("00007")
    watched.turned("f=00007")
    page.wait_for_function("() => document.querySelector('.side').innerText.includes('1 of 12')")


def test_names_are_text_whatever_they_hold(watched, drawn):
    page = watched.open(drawn)
    assert MARKUP in _texts(page, "tbody th")
    for state in ("view=tables", "view=images&m=m3,m4,m5,m6&mode=slider", "view=plots"):
        page = watched.open(drawn, state)
        page.reload()
        watched.ready()
        assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("document.querySelectorAll('bdi').length") > 0


def test_the_served_page_works_as_from_disk(chromium, drawn):
    with serve(drawn) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = chromium.new_page()
        said: list[str] = []
        page.on("console", lambda each: said.append(each.text) if each.type == "error" else None)
        page.goto(f"{server.address}#view=images&i=00004")
        page.wait_for_function("() => document.body.dataset.ready === 'images 00004'")
        loaded = "() => [...document.querySelectorAll('img.base')].every((each) => each.naturalWidth > 0)"
        page.wait_for_function(loaded)
        original = page.get_by_role("link", name="original").first.get_attribute("href")
        assert page.request.get(server.address.rpartition("/")[0] + "/" + original).ok
        page.close()
        server.shutdown()
    assert said == []


def test_few_images_are_a_warning_even_of_one_method_and_no_section_is_empty(watched, tmp_path):
    titles = {"visible": "Visible", "infrared": "Infrared", "average": "Average"}
    run = page_run(tmp_path / "run", 4, titles, boxes=False, masks=False)
    write_page(run)
    page = watched.open(run)
    assert "4 images are too few to rank" in page.locator(".warnings").inner_text()
    assert "No warnings" not in page.locator("main").inner_text()
    assert page.get_by_text("Best of each question").count() == 0


def test_the_overview_has_both_means_of_detection_and_titles_of_datasets(watched, drawn):
    page = watched.open(drawn)
    card = page.locator(".card", has_text="Detection")
    assert [text.split("\u00a0")[0] for text in _texts(card, "tbody th")] == [
        "mAP@0.5",
        "mAP@[.5:.95]",
    ]
    assert "Mean rank over tables" in " ".join(_texts(page, "thead th"))
    assert "every table counting the same" in page.locator("main").inner_text()


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


@pytest.mark.parametrize(
    "kind", ["one method", "one image", "quality alone", "detection alone", "a hole", "nothing"]
)
def test_small_and_incomplete_runs_open(watched, tmp_path, new_run, kind):
    two = {"visible": "Visible", "average": "Average"}
    if kind in ("one method", "one image"):
        titles = {"average": "Average"} if kind == "one method" else two
        run = page_run(tmp_path / "run", 1 if kind == "one image" else 3, titles)
    elif kind == "quality alone":
        run = page_run(tmp_path / "run", 3, two, boxes=False, masks=False)
    else:
        builder = new_run(tmp_path / "run", titles=dict(two))
        if kind == "detection alone":
            builder.detection("visible", {"Car": 0.5}, boxes={"Car": 12})
        elif kind == "a hole":
            builder.quality("visible", {"EN": {"a": 1.0, "b": 2.0}})
            builder.quality("average", {"EN": {"a": 1.0}}, missing=["b"])
            builder.detection("visible", None)
        run = builder.write()
    write_page(run)
    page = watched.open(run)
    if kind == "a hole":
        warned = page.locator(".warnings").inner_text()
        assert "lacks 1 of 2" in warned
        assert "planned results are missing" in warned
    for view in ("tables", "images", "plots"):
        page = watched.open(run, f"view={view}")
        page.reload()
        watched.ready()
        assert page.locator("main").inner_text().strip()
