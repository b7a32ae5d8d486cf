"""The page without a mouse: what keeps the focus, cursors of plots, what screen readers are told."""

from __future__ import annotations

import itertools
import json

import pytest
from page_runs import ODD

from ivif_bench.reports.comparison import comparisons
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.page.write import write_page

pytestmark = pytest.mark.slow

CONTROLS = "main :is(button, select, input, summary, [tabindex])"
FOCUSED = "(id) => document.activeElement.id === id"


def _focus_after(page, element: str, change: str) -> str:
    """What has the focus when a redraw that a change of the state causes is over."""
    page.evaluate("(id) => document.getElementById(id).focus()", element)
    assert page.evaluate(FOCUSED, element), element
    page.evaluate(
        """async (change) => {
          const old = document.querySelector('.panels, .plot, .scatter, .scroll');
          IVIF.state.set(JSON.parse(change));
          while (old.isConnected) await new Promise((next) => setTimeout(next, 10));
          await new Promise((next) => setTimeout(next, 60));
        }""",
        change,
    )
    return page.evaluate("document.activeElement.id")


@pytest.mark.parametrize(
    ("state", "elements"),
    [
        (
            "view=images&m=m0,m2&i=00002&mode=difference",
            ("reference", "gain", "opacity", "numbers", "mode-slider", "show-m2",
             "colours-head", "zoom-in", "original-m2"),
        ),
        ("view=images&m=m0,m2&i=00002&mode=slider",
         ("line", "reference", "threshold", "boxes-on", "original-m0")),
    ],
)  # fmt: skip
def test_a_redraw_of_images_leaves_the_focus_where_it_was(watched, drawn, state, elements):
    page = watched.open(drawn, state)
    for at, element in enumerate(elements):
        masks = "" if at % 2 else "t"
        assert _focus_after(page, element, json.dumps({"k": masks})) == element
    assert _focus_after(page, elements[0], '{"i": "00003"}') == elements[0]


def test_other_views_leave_the_focus_where_it_was(watched, drawn):
    page = watched.open(drawn, "view=tables")
    page.get_by_role("button", name="Nabf").focus()
    page.keyboard.press("Enter")
    watched.turned("ts=Nabf")
    assert "Nabf" in page.evaluate("document.activeElement.innerText")
    page.locator("#pick-table").focus()
    page.keyboard.press("ArrowDown")
    watched.turned("t=")
    page.wait_for_timeout(300)
    assert page.evaluate(FOCUSED, "pick-table")
    page = watched.open(drawn, "view=plots")
    watched.ready("plots against")
    assert _focus_after(page, "metric", '{"px": "Qabf"}') == "metric"


def test_a_control_that_is_switched_off_hands_the_focus_to_its_neighbour(watched, drawn):
    page = watched.open(drawn, "view=images&m=m3&i=00002&thr=0.50")
    page.locator("#own-level").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#own-level').disabled")
    page.wait_for_function(FOCUSED, arg="boxes-on")
    page.locator("#threshold").focus()
    page.keyboard.press("b")
    page.wait_for_function("() => !document.querySelector('#boxes-on').checked")
    page.wait_for_function(FOCUSED, arg="boxes-on")


@pytest.mark.parametrize(
    "state",
    ["view=images", "view=images&mode=slider", "view=images&mode=difference", "view=tables",
     "view=plots", "view=plots&p=curves", "view=plots&p=images"],
)  # fmt: skip
def test_every_control_has_an_id_of_its_own(watched, drawn, state):
    page = watched.open(drawn, state)
    found = page.eval_on_selector_all(CONTROLS, "(all) => all.map((each) => each.id)")
    assert len(found) > 3
    assert all(found), found
    assert len({*found}) == len(found)
    every = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len({*every}) == len(every)


def test_stems_with_apostrophes_and_backslashes_keep_the_focus(watched, tmp_path, new_run):
    builder = new_run(tmp_path / "run", titles={"a": "A", "b": "B"})
    stems = ["it's 1", "it's \\ 2", 'the "third"']
    for name in "ab":
        builder.quality(name, {"EN": {stem: float(at) for at, stem in enumerate(stems)}})
    write_page(run := builder.write(), images=0)
    page = watched.open(run, "view=images")
    assert page.locator(".bar h2 bdi").inner_text() == stems[0]
    for key, stem in (("ArrowRight", stems[1]), ("ArrowRight", stems[2]), ("b", stems[2])):
        page.locator("#stems").focus()
        page.keyboard.press(key)
        watched.ready(f"images {stem}")
        page.locator("#numbers").focus()
        page.keyboard.press("2")
        page.wait_for_timeout(150)
        assert page.evaluate(FOCUSED, "numbers")
        page.keyboard.press("b")
        page.wait_for_timeout(150)
        assert page.evaluate(FOCUSED, "numbers")


def test_a_plot_of_images_is_read_and_opened_by_keys(watched, drawn):
    (comparison,) = [each for each in comparisons(load_run(drawn)) if each.task == "quality"]
    scores = {name: comparison.of(name)[0].scores.images(["EN"]) for name in ODD}
    values = {
        name: dict(zip(each.stems, each.values[:, 0].tolist(), strict=True))
        for name, each in scores.items()
    }
    order = sorted(values["visible"], key=lambda stem: values["visible"][stem])
    page = watched.open(drawn, "view=plots&p=images&ic=EN&pm=m0,m1")
    plot, reading = page.locator("#plot"), page.locator(".reading")
    assert "Arrow keys" in plot.get_attribute("aria-label")
    plot.focus()
    for key, place in (("ArrowRight", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
        page.keyboard.press(key)
        assert reading.inner_text().startswith(f"{order[place]}, Visible: ")
    page.keyboard.press("End")
    said, _, number = reading.inner_text().partition(": ")
    assert said == f"{order[-1]}, Visible"
    assert float(number) == pytest.approx(values["visible"][order[-1]], abs=0.5001e-4)
    above = values["infrared"][order[-1]] > values["visible"][order[-1]]
    page.keyboard.press("ArrowUp" if above else "ArrowDown")
    assert "Infrared" in reading.inner_text()
    page.set_viewport_size({"width": 1000, "height": 800})  # drawn again, at the same point
    page.wait_for_timeout(200)
    assert "Infrared" in reading.inner_text()
    page.keyboard.press("Enter")
    watched.ready(f"images {order[-1]}")
    watched.turned("m=visible,infrared")


def test_a_curve_is_read_and_opened_by_keys(watched, drawn):
    page = watched.open(drawn, "view=plots&p=curves")
    (at,) = [
        each["id"] for each in page.evaluate("IVIF.run.questions") if each["task"] == "detection"
    ]
    curves = page.evaluate(f"IVIF.load('curves/{at}')")
    page.locator("#plot").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageUp")
    text = page.locator(".reading").inner_text()
    assert text.endswith("at recall 0.05")  # a twentieth of 101 points, from the first
    shown = page.locator("#curve-class").input_value()
    place = curves["classes"].index(shown)
    method = next(key for key, each in curves["methods"].items() if each["precision"][place][0])
    assert f"precision {curves['methods'][method]['precision'][place][5]:.3f} " in text
    level = curves["methods"][method]["confidence"][place][5]
    page.keyboard.press("Enter")
    watched.ready("images")
    watched.turned(f"thr={level}")
    name = page.evaluate("(id) => IVIF.run.methods.find((each) => each.id === id).name", method)
    watched.turned(f"m={name}")


def test_the_list_names_its_choice_only_while_it_is_there_and_leaves_no_listener(
    watched, tmp_path, new_run
):
    builder = new_run(tmp_path / "run", titles={"a": "A"})
    builder.quality("a", {"EN": {f"{at:04d}": float(at) for at in range(300)}})
    write_page(run := builder.write(), images=0)
    page = watched.open(run, "view=images&i=0003")
    chosen = "document.getElementById('stems').getAttribute('aria-activedescendant')"
    assert page.evaluate(chosen) == "stem-3"
    for top, expected in ((6000, None), (0, "stem-3")):
        page.evaluate(f"document.getElementById('stems').scrollTop = {top}")
        page.wait_for_timeout(150)
        assert page.evaluate(chosen) == expected
        assert page.locator("#stem-3").count() == (0 if expected is None else 1)
    page.evaluate(
        """() => {
          window.added = 0;
          const add = window.addEventListener;
          window.addEventListener = function (kind, ...rest) {
            if (kind === 'resize') window.added += 1;
            return add.call(window, kind, ...rest);
          };
        }"""
    )
    for _ in range(3):
        page.keyboard.press("a")
        watched.ready("tables")
        page.keyboard.press("i")
        watched.ready("images")
    assert page.evaluate("window.added") == 0
    page.set_viewport_size({"width": 1200, "height": 2000})
    page.wait_for_function("() => document.querySelectorAll('.stem').length > 50")


def test_axes_end_also_where_values_differ_by_rounding_only(watched, drawn):
    page = watched.open(drawn)
    for values in (
        [0.3, 0.1 + 0.2], [5, 5], [0, 0], [1e-9, 2e-9], [1e9, 1e9 + 1], [-3, 7.5], [99.1, 99.2], [0, 1e-90],
    ):  # fmt: skip
        ticks = page.evaluate("(values) => IVIF.scale(values, 0, 100).ticks", values)
        places = page.evaluate(
            "(values) => { const one = IVIF.scale(values, 0, 100); return one.ticks.map(one.at); }",
            values,
        )
        assert 2 <= len(ticks) <= 8, values
        assert len({*ticks}) == len(ticks)
        assert all(-1e-6 <= each <= 100 + 1e-6 for each in places)
        steps = [b - a for a, b in itertools.pairwise(places)]
        assert max(steps) - min(steps) < 0.01 * max(steps)
