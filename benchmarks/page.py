"""The page of 20 methods on 4,200 images: time to build, and in Chromium time and memory.

    python benchmarks/page.py [--images 4200] [--methods 20] [--keep FOLDER]

Records are random, and all images are one file, so that previews are shared; detections are ten an image.
Printed: CPU-seconds of building, per 1,000 images at a quarter and at all of them; then, in one browser,
milliseconds to the first view and to sort the list of images, and the memory of all its processes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ivif_bench.data.images import encode_png
from ivif_bench.reports.page.write import write_page
from ivif_bench.store import RECORD_SCHEMA

METRICS = ("EN", "SF", "AG", "SD", "CC", "SCD", "MI", "VIF", "Qabf", "SSIM", "MS-SSIM", "Nabf")
CLASSES = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")
SIZE = (768, 1024)  # height, width
BOXES = 10  # of an image
OFFICIAL = {"split": "test", "protocol_sha256": "0" * 64}


def write_run(run: Path, methods: int, images: int) -> None:
    """A run directory with quality and detection of that many methods and images."""
    rng = np.random.default_rng(0)
    stems = [f"{at:05d}" for at in range(images)]
    names = [f"method-{at:02d}" for at in range(methods)]
    run.mkdir(parents=True)
    ramp = np.add.outer(np.arange(SIZE[0]), np.arange(SIZE[1])) % 256
    (run / "shared.png").write_bytes(encode_png(np.repeat(ramp[..., None], 3, 2).astype(np.uint8)))
    truth = _truth(rng, images)
    units = []
    for at, name in enumerate(names):
        units.append(_unit(run, name, "quality", f"q{at:015d}", _quality(rng, stems)))
        key = f"d{at:015d}"
        units.append(_unit(run, name, "detection", key, _averages(rng)))
        place = run / "checkpoints" / f"detections-{key}.json"
        place.parent.mkdir(exist_ok=True)
        place.write_text(json.dumps({"truth": truth, "detections": _found(rng, truth)}))
    plan = {
        "name": "large",
        "datasets": {"large": "Large"},
        "methods": [{"name": name, "title": name} for name in names],
        "units": units,
        "images": {"large": dict.fromkeys(names, "shared.png")},
    }
    (run / "plan.json").write_text(json.dumps(plan))


def _unit(
    run: Path, method: str, task: str, key: str, rows: dict[str, list[object]]
) -> dict[str, object]:
    what = {"task": task, "dataset": "large", "method": method, "protocol": "p.v1", "seed": 0}
    result = f"results/{task}/{key}.parquet"
    path = run / result
    path.parent.mkdir(parents=True, exist_ok=True)
    count = len(rows["value"])
    filled = {
        **{name: [value] * count for name, value in what.items()},
        **rows,
        "reason": [""] * count,
    }
    pq.write_table(pa.table({n: filled[n] for n in RECORD_SCHEMA.names}, RECORD_SCHEMA), path)
    about: dict[str, object] = {**OFFICIAL, "images": 100}
    about |= (
        {"metrics": dict.fromkeys(METRICS, "up")} if task == "quality" else {"classes": CLASSES}
    )
    provenance = {
        "key": key, "what": {"about": about}, "versions": {}, "commit": "0", "device": "cpu",
        "seconds": 0.0, "finished": "",
    }  # fmt: skip
    path.with_suffix(".json").write_text(json.dumps(provenance))
    return {**what, "key": key, "result": result}


def _quality(rng: np.random.Generator, stems: list[str]) -> dict[str, list[object]]:
    count = len(stems)
    return {
        "stem": stems * len(METRICS),
        "class_name": [""] * (count * len(METRICS)),
        "metric": [metric for metric in METRICS for _ in range(count)],
        "value": rng.normal(5, 1, count * len(METRICS)).tolist(),
    }


def _averages(rng: np.random.Generator) -> dict[str, list[object]]:
    names = [*(("AP50", each) for each in CLASSES), ("mAP50", ""), ("n_boxes", "")]
    return {
        "stem": [""] * len(names),
        "class_name": [name for _, name in names],
        "metric": [metric for metric, _ in names],
        "value": [*rng.uniform(0.3, 0.9, len(CLASSES) + 1).tolist(), 1000.0],
    }


def _truth(rng: np.random.Generator, images: int) -> dict[str, list[dict[str, object]]]:
    boxes = _boxes(rng, images)
    return {
        "images": [
            {"id": at, "file_name": f"{at:05d}.png", "height": SIZE[0], "width": SIZE[1]}
            for at in range(images)
        ],
        "categories": [{"id": at, "name": name} for at, name in enumerate(CLASSES)],
        "annotations": boxes,
    }


def _boxes(rng: np.random.Generator, images: int) -> list[dict[str, object]]:
    corners = rng.uniform(0, 600, (images * BOXES, 2)).round(1)
    sides = rng.uniform(20, 150, (images * BOXES, 2)).round(1)
    kinds = rng.integers(0, len(CLASSES), images * BOXES).tolist()
    lines = np.hstack([corners, sides]).tolist()
    return [
        {"image_id": at // BOXES, "category_id": kind, "bbox": line}
        for at, (line, kind) in enumerate(zip(lines, kinds, strict=True))
    ]


def _found(
    rng: np.random.Generator, truth: dict[str, list[dict[str, object]]]
) -> list[dict[str, object]]:
    scores = rng.uniform(0.05, 1, len(truth["annotations"])).round(4).tolist()
    return [
        {**each, "score": score} for each, score in zip(truth["annotations"], scores, strict=True)
    ]


def built(folder: Path, methods: int, images: int) -> tuple[float, float, Path]:
    """CPU-seconds and seconds of building a page with all previews; then the run."""
    run = folder / f"run-{images}"
    write_run(run, methods, images)
    started, wall = time.process_time(), time.perf_counter()
    page = write_page(run, images=images)
    took = time.process_time() - started, time.perf_counter() - wall
    print(f"{images} images: {took[0]:.1f} CPU-s, {took[1]:.1f} s; {page.sentence}")
    return *took, run


@contextmanager
def _browser() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if path is None:
        sys.exit("no 'chromium' on PATH; building alone was measured")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


def in_browser(run: Path, images: int) -> None:
    """Print what a reader waits for, and the memory of the page."""
    address = (run / "report" / "page" / "index.html").as_uri()
    with _browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})  # type: ignore[attr-defined]
        started = time.perf_counter()
        page.goto(address)
        page.wait_for_function("() => document.body.dataset.ready")
        print(f"first view: {1000 * (time.perf_counter() - started):.0f} ms")
        page.goto(f"{address}#view=images")
        page.wait_for_function("() => (document.body.dataset.ready || '').startsWith('images')")
        question = page.evaluate("IVIF.run.questions[0].id")
        for method in range(3):  # the first loads the numbers, then they are there
            page.evaluate(
                f"IVIF.state.set({{s: '{question}|EN', so: 'm{method % 2}', sd: '{method % 2}'}})"
            )
            page.wait_for_timeout(1500)
            rows = page.evaluate("document.querySelector('.stem').getAttribute('aria-setsize')")
            print(f"sorting {rows} images: {page.evaluate('IVIF.views.images.timing()'):.0f} ms")
        assert int(rows) == images
        for at in range(20):
            page.evaluate(f"IVIF.load('scores/{question}/m{at}')")
        page.wait_for_timeout(500)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        found = {e["name"]: e["value"] for e in session.send("Performance.getMetrics")["metrics"]}
        print(
            f"JavaScript heap, numbers of all methods loaded: {found['JSHeapUsedSize'] / 1e6:.0f} MB"
        )
        print(f"renderer process: {_renderer():.0f} MB resident")


def _renderer() -> float:
    """Resident memory of the largest of this process's renderers, in MB."""
    most = 0.0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes()
            pages = int((path / "statm").read_text().split()[1])
        except OSError:
            continue
        if b"--type=renderer" in command and b"playwright" in command:
            most = max(most, pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
    return most


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4200)
    parser.add_argument("--methods", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="folder for the runs, which stay there")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="ivif-page-"))
    try:
        quarter = arguments.images // 4
        few, _, _ = built(folder, arguments.methods, quarter)
        many, _, run = built(folder, arguments.methods, arguments.images)
        print(
            f"CPU-s per 1,000 images: {1000 * few / quarter:.2f}, then {1000 * many / arguments.images:.2f}"
        )
        in_browser(run, arguments.images)
    finally:
        if arguments.keep is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
