"""A page in a browser: overview, plots, keys, names as text, small runs."""

from __future__ import annotations

import threading

import pytest
from page_runs import MARKUP, page_run

from ivif_bench.reports.page.server import serve
from ivif_bench.reports.page.write import write_page

pytestmark = pytest.mark.slow


def _texts(page, selector: str) -> list[str]:
    return [each.inner_text() for each in page.locator(selector).all()]


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
