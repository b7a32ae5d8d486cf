"""A run with all tasks and four datasets, for tables as papers print them."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

METRICS = ("EN", "SF", "AG", "SD", "CC", "SCD", "MI", "VIF", "Qabf", "MS-SSIM", "SSIM")
NAMES = ("visible", "infrared", "average", "max", "ddfm")
STEMS = [f"s{index}" for index in range(12)]
QUALITY = ("msrs", "m3fd", "tno")


def values(dataset: str, method: str, metric: str) -> dict[str, float]:
    """Numbers by stem, different for every question."""
    random = np.random.default_rng(zlib.crc32(f"{dataset} {method} {metric}".encode()))
    return dict(zip(STEMS, random.normal(50, 20, len(STEMS)).tolist(), strict=True))


def value_of(dataset: str, method: str, metric: str) -> float:
    """The mean that a table prints."""
    return float(np.mean(list(values(dataset, method, metric).values())))


def entry(method: str) -> str:
    """The entry of its paper."""
    from ivif_bench.fusion import METHODS

    published = METHODS.get(method).published
    assert published is not None
    return published.bibtex.strip()


def paper_run(builder: Any, names: tuple[str, ...] = NAMES, more: tuple[str, ...] = ()) -> Path:
    """Write the run directory; ``names`` are the titles of ``NAMES``, ``more`` datasets of quality."""
    builder.sources = ("visible", "infrared")
    titles = dict(zip(NAMES, names, strict=True))
    for dataset in (*QUALITY, *more):
        for method in NAMES:
            scores = {metric: values(dataset, method, metric) for metric in METRICS}
            builder.quality(method, scores, dataset=dataset)
    classes = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")
    parts = ("unlabelled", "car", "person", "bike", "curve", "car_stop", "guardrail", "color_cone")
    for index, method in enumerate(NAMES):
        ap = {name: 0.3 + 0.07 * index + 0.01 * at for at, name in enumerate(classes)}
        builder.detection(method, ap, boxes=dict.fromkeys(classes, 40))
        iou = {name: 0.9 - 0.05 * index + 0.01 * at for at, name in enumerate(parts)}
        builder.segmentation(method, iou, {"mIoU": 0.9 - 0.05 * index, "mIoU_7": 0.8})
    for method in NAMES:
        cost = {"parameters": 5.01e6, "flops": 1.25e12, "seconds": 0.4, "peak_bytes": 2e9}
        builder.unit(
            "complexity",
            method,
            [
                ("", "", name if name == "parameters" else f"{name}[480x640]", value, "")
                for name, value in cost.items()
            ],
            {"metrics": {f"{name}[480x640]": "down" for name in cost if name != "parameters"}},
        )
    return builder.write(
        datasets={"m3fd": "M3FD", "msrs": "MSRS", "tno": "TNO"},
        identities={n: {"names": [n], "drawn": False} for n in (*QUALITY, *more)},
        methods=[
            {
                "name": name,
                "title": titles[name],
                "source": name in builder.sources,
                "bibtex": entry(name) if name == "ddfm" else "",
            }
            for name in NAMES
        ],
    )
