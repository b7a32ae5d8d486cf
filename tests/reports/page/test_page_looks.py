"""What the page looks like: screenshots to look at, room on a phone, contrast and labels."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.slow

VIEWS = {
    "overview": "view=overview",
    "tables": "view=tables&ti=1",
    "images": "view=images&k=e&i=00002",
    "slider": "view=images&mode=slider&k=p&i=00002&m=m0,m2",
    "plots": "view=plots",
    "curves": "view=plots&p=curves",
}
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.mark.parametrize("watched", [{"viewport": {"width": 390, "height": 844}}], indirect=True)
def test_names_and_numbers_of_a_scatter_are_large_enough_on_a_phone(watched, drawn):
    page = watched.open(drawn, "view=plots")
    sizes = page.eval_on_selector_all(
        ".scatter text",
        """(all) => all.map(function (each) {
          const scale = Math.hypot(each.getScreenCTM().a, each.getScreenCTM().b);
          return parseFloat(getComputedStyle(each).fontSize) * scale;
        })""",
    )
    assert len(sizes) > 10
    assert min(sizes) >= 10
    places = page.eval_on_selector_all(
        ".scatter text", "(all) => all.map((each) => each.getBoundingClientRect().right)"
    )
    assert max(places) <= 390


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_views_fit_are_readable_and_named_for_screen_readers(
    chromium, drawn, tmp_path, theme, size
):
    """No serious finding of axe, no page wider than its window. Screenshots lie in ``IVIF_BENCH_SHOTS``."""
    folder = Path(os.environ.get("IVIF_BENCH_SHOTS", tmp_path))
    width, height = SIZES[size]
    context = chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, has_touch=size == "phone",
        bypass_csp=True,
    )  # fmt: skip
    page = context.new_page()
    findings = {}
    for name, state in VIEWS.items():
        page.goto("about:blank")
        page.goto(f"{(drawn / 'report' / 'page' / 'index.html').as_uri()}#{state}")
        page.wait_for_function("() => document.body.dataset.ready")
        page.wait_for_timeout(150)
        shot = page.screenshot(path=folder / f"{name}-{theme}-{size}.png")
        assert len(shot) > 5000
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        # preload would fetch style sheets, which a page from disk cannot
        found = Axe().run(page, options={"preload": False, "resultTypes": ["violations"]})
        findings[name] = [
            (each["id"], [node["target"] for node in each["nodes"]][:3])
            for each in found.response["violations"]
            if each["impact"] in ("serious", "critical")
        ]
    context.close()
    assert findings == {name: [] for name in VIEWS}
