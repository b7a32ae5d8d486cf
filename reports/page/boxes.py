"""Boxes of detection for the page: objects once, detections of each method, in blocks of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ivif_bench.detections.boxes import Flat, Judged
from ivif_bench.detections.matches import match
from ivif_bench.reports.detection_counts import IOU
from ivif_bench.reports.page.chunks import Folder
from ivif_bench.reports.page.subjects import Images, Question

BLOCK = 200  # images of a file
FLOOR = 0.05  # confidence; below, no box is on the page unless it counts at the method's own level


def write_boxes(
    folder: Folder, images: Images, question: Question, ids: dict[str, str]
) -> dict[str, Any]:
    """Write the boxes of a question; returns what the page must know of them.

    Positions of images are those of the dataset. A box is four whole numbers, tenths of a pixel: x, y,
    width, height. ``outcome`` is that of ``ivif_bench.detections.matches`` at IoU 0.5, and ``partner``
    the position of the object among those of its image, -1 without one. ``counts`` is null for an
    image that was not judged.
    """
    some = next(iter(question.boxes.values())).boxes
    place, truth = _objects(images, [stored.boxes for stored in question.boxes.values()])
    objects = {"ignored": truth.ignored.astype(int)}
    _write(folder, f"boxes/{question.id}/truth", images, place, truth, objects)
    for name, stored in question.boxes.items():
        boxes = stored.boxes
        first = np.searchsorted(boxes.truth.image, np.arange(len(boxes.stems)))
        place = images.positions(boxes.stems)
        matches = match(boxes, np.array([IOU]))
        partner = matches.partner[0]
        inside = np.where(partner < 0, -1, partner - first[boxes.found.image])
        kept = boxes.found.score >= min(FLOOR, question.levels[name])
        more = {
            "score": boxes.found.score.round(6)[kept],
            "outcome": matches.outcome[0].astype(int)[kept],
            "partner": inside[kept],
        }
        path = f"boxes/{question.id}/{ids[name]}"
        _write(folder, path, images, place, boxes.found.take(kept), more)
    return {
        "block": BLOCK,
        "floor": FLOOR,
        "classes": list(some.classes),
        "levels": {
            ids[name]: level if math.isfinite(level) else None
            for name, level in question.levels.items()
        },
    }


def _objects(images: Images, every: Sequence[Judged]) -> tuple[np.ndarray, Flat]:
    """Objects of all images, each image's from the first method that has it, in that method's order.

    Returns:
        The position of each image in the dataset, and the objects with indices into it.
    """
    known = np.zeros(len(images.stems), bool)
    parts = []
    for boxes in every:
        place = images.positions(boxes.stems)
        new = ~known[place]
        part = boxes.truth.take(new[boxes.truth.image])
        parts.append(replace(part, image=place[part.image]))
        known[place] = True
    joined = Flat(*(np.concatenate([getattr(p, n) for p in parts]) for n in Flat.__slots__))
    place = np.flatnonzero(known)
    return place, replace(joined, image=np.searchsorted(place, joined.image))


def _write(
    folder: Folder,
    path: str,
    images: Images,
    place: np.ndarray,
    boxes: Flat,
    more: dict[str, np.ndarray],
) -> None:
    """Boxes sorted by the image's position, a file for each block of images.

    Args:
        place: position of each image in the dataset.
    """
    judged = np.zeros(len(images.stems), bool)
    judged[place] = True
    position = place[boxes.image]
    order = np.argsort(position, kind="stable")
    position = position[order]
    tenths = np.rint(boxes.xywh[order] * 10).astype(int)
    category = boxes.category[order]
    rest = {name: values[order] for name, values in more.items()}
    for start in range(0, len(images.stems), BLOCK):
        low, high = np.searchsorted(position, [start, start + BLOCK])
        part = slice(low, high)
        counts = np.bincount(
            position[part] - start, minlength=min(BLOCK, len(images.stems) - start)
        )
        folder.put(
            f"{path}-{start // BLOCK}",
            {
                "counts": [
                    count if there else None
                    for count, there in zip(
                        counts.tolist(), judged[start : start + BLOCK].tolist(), strict=True
                    )
                ],
                "box": tenths[part].ravel().tolist(),
                "class": category[part].tolist(),
                **{name: values[part].tolist() for name, values in rest.items()},
            },
        )
