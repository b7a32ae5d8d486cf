"""The README's picture of a page: images of the demo with boxes, in a browser's window.

    python scripts/page_picture.py RUN docs/images/page.png

Needs a run with a page, and Chromium on PATH. ``tests/acceptance/test_demo_ranking.py`` makes it of the
demo with four methods.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

from ivif_bench.data.images import encode_png
from ivif_bench.files import write_bytes

STEM = "00024"  # a scene at night with eleven objects
STATE = f"view=images&d=d0&i={STEM}&m={{methods}}&s={{sort}}&so={{of}}&sd=1&theme=light"
SIZE = {"width": 1280, "height": 760}


def picture(run: Path) -> bytes:
    """An image on the page of a run, sorted by the objects that the first method's detector missed.

    Returns:
        PNG bytes.
    """
    path = shutil.which("chromium")
    if path is None:
        sys.exit("no 'chromium' on PATH; apt-get install chromium")
    index = run / "report" / "page" / "index.html"
    if not index.is_file():
        sys.exit(f"{run} has no page; write it with 'ivif-bench report {run} --page'")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        page = browser.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
        page.goto(index.resolve().as_uri())
        page.wait_for_function("() => document.body.dataset.ready")
        question = page.evaluate("IVIF.run.questions.find((each) => each.boxes)")
        state = STATE.format(
            methods=",".join(page.evaluate("IVIF.toolbar.methodsOf(IVIF.run.datasets[0])")),
            sort=f"{question['id']}|missed",
            of=question["methods"][0],
        )
        page.evaluate("(state) => { location.hash = state; }", state)
        page.wait_for_function("() => (document.body.dataset.ready || '').startsWith('images')")
        page.wait_for_timeout(1000)
        shot = page.screenshot()
        browser.close()
    image = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
    return encode_png(np.ascontiguousarray(image[:, :, ::-1]), compression=9)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="directory of a finished demo run with a page")
    parser.add_argument("out", type=Path, help="PNG file to write")
    arguments = parser.parse_args()
    write_bytes(arguments.out, picture(arguments.run))
