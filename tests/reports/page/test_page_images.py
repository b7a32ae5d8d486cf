"""The images of a page in a browser: order, zoom, slider, boxes, masks, and the address."""

from __future__ import annotations

import re

import pytest
from page_runs import METRICS, ODD

from ivif_bench.detections.stored import read_stored
from ivif_bench.reports.detection_pictures import shown_on
from ivif_bench.reports.frame import load_run

pytestmark = pytest.mark.slow


def _texts(page, selector: str) -> list[str]:
    return [each.inner_text() for each in page.locator(selector).all()]


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
