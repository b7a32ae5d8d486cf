"""Every chart of statistics for a number of methods, with long names, TeX's specials and gaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ivif_bench.reports.charts import (
    association,
    boxes,
    cost,
    critical,
    dots,
    feature_maps,
    image_curves,
    places,
    qualitative,
    radar,
    seeds,
)
from ivif_bench.reports.statistics.against_task import against, outcomes_of
from ivif_bench.reports.statistics.blocks import Blocks
from ivif_bench.reports.table import Column, Row, Table, cell
from ivif_bench.statistics import Estimate

NAMES = (
    "DDFM",
    "U2Fusion_{100%}",
    r"$\alpha$-fuse & co",
    "A very long name of a fusion method (release 2.3, 8 steps)",
    "A very long name of a fusion method (release 2.4, 8 steps)",
    "tar#dal~^",
    r"x\y",
    "SwinFusion",
    *(f"Method number {at} with a long name" for at in range(12)),
)
METRICS = ("EN", "SF", "AG", "SD", "MI", "VIF", "Qabf", "MS-SSIM", "Spatial_frequency_{x}", "Qcv")
IMAGES = 12


def drawn(methods: int, width: float, page: float) -> dict:
    """Chart by name. The second method lacks scores, the last one a metric."""
    random = np.random.default_rng(methods)
    names = NAMES[:methods]
    titles = dict(zip(names, names, strict=True))
    blocks = [
        Blocks(
            metric,
            "down" if metric == "Qcv" else "up",
            tuple(map(str, range(IMAGES))),
            {
                name: (10.0**at) * (random.random((1, IMAGES)) + place / methods)
                for place, name in enumerate(names)
                if not (methods > 2 and at == 3 and place == methods - 1)
            },
        )
        for at, metric in enumerate(METRICS)
    ]
    column = Column("mAP50", "mAP@0.5", "up", 1, 100)
    rows = tuple(
        Row(name, name, (cell(Estimate(random.random()), column),))
        for place, name in enumerate(("visible", *names))
        if place != 2
    )
    table = Table(
        "t", "Detection on a dataset & of a_long name, by a protocol " * 2, "", (column,), rows
    )
    (outcome,) = outcomes_of(table, frozenset({"visible"}))
    pair = against("x", "Detection", blocks, [outcome])
    ranked = dict(zip(names, np.sort(1 + (methods - 1) * random.random(methods)), strict=True))
    spread = {name: list(0.5 + 0.05 * random.random(3)) for name in names}
    spread[names[1]] = []
    costs = {
        name: cost.Cost(10 ** random.uniform(-3, 2), random.random(), 10 ** random.uniform(1, 4))
        for name in names
    }
    costs[names[1]] = cost.Cost(0.5, 0.4)
    orders = {
        question: {n: int(p) + 1 for n, p in zip(names, random.permutation(methods), strict=True)}
        for question in ("m3fd-det.v1", "m3fd-det-frozen-paper.v1", "zero-shot", "msrs_seg.v1")
    }
    del orders["zero-shot"][names[1]]
    scores = {
        name: {m: random.random() for m in METRICS if (m, name) != ("SF", names[1])}
        for name in names
    }
    pictures = {name: random.integers(0, 256, (24, 32, 3), np.uint8) for name in names}
    scenes = [
        qualitative.Scene(
            stem, {n: p for n, p in pictures.items() if n != left_out}, boxes_, "by name"
        )
        for stem, left_out, boxes_ in (
            ("00001", names[1], [(2, 2, 12, 9)]),
            (
                "a_long & wide #stem_" * 6,
                "",
                [(0, 0, 9, 9), (20, 10, 32, 24), (1, 2, 30, 8), (4, 4, 5, 5)],
            ),
        )
    ]
    maps = [
        feature_maps.panels_of(name, 10.0**at * random.normal(size=(1 + at % 3, 6, 8)), 2**at)
        for at, name in enumerate(names[:9])
    ]
    return {
        "critical": critical.draw(ranked, 0.3 + 0.2 * methods, True, width, "VIF, mean rank over 20 images"),
        "alike": critical.draw(ranked, 3.0 * methods, False, width, "VIF, mean rank over 20 images"),
        "association": association.draw(pair, outcome, titles, page),
        "narrow": association.draw(pair, outcome, titles, width),
        **{f"boxes-{n}": f for n, f in enumerate(boxes.draw(blocks, titles, page), start=1)},
        **{f"images-{n}": f for n, f in enumerate(image_curves.draw(blocks, titles, page), start=1)},
        **{f"narrow-{n}": f for n, f in enumerate(image_curves.draw(blocks, titles, width), start=1)},
        **{f"panel-{n}": f for n, f in enumerate(qualitative.draw(scenes, titles, page), start=1)},
        **{f"maps-{n}": f for n, f in enumerate(feature_maps.draw(maps, names[-1], page), start=1)},
        "dots": dots.draw(table, column, width),
        "warned": dots.draw(replace(table, warnings=("PSEUDO LABELS: " + "a warning " * 20,)), column, width),
        "seeds": seeds.draw(spread, "mAP@0.5", width),
        "places": places.draw(orders, names, page),
        "radar": radar.draw(scores, METRICS, names, width),
        "cost": cost.draw(costs, "Seconds for one image of 640×480", "mAP@0.5", names, width),
    }  # fmt: skip
