"""The scores of one detector beside its AP, by class and over classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ivif_bench.detections.ap import average_precision, mean_over
from ivif_bench.detections.boxes import Judged
from ivif_bench.detections.curves import Best, Curve, best_common_confidence, best_f1, curve
from ivif_bench.detections.matches import Matches, match
from ivif_bench.detections.miss_rate import log_average, miss_rates
from ivif_bench.detections.sizes import outside, ranges
from ivif_bench.detections.stored import Stored

AP = ("AP50", "AP75", "AP50_95")
AT_BEST = ("F1", "precision", "recall", "confidence")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of a test set that is scored by itself.

    Attributes:
        name: ``all``, a condition such as ``night``, or a range of sizes: ``small`` (COCO's, in
            pixels) or ``small share`` (of the image's area).
        boxes: of its images; all of them for a range of sizes.
        matches: at ten IoU thresholds.
        whole: every object counts; precision and miss rate of a range of sizes are not computed.
    """

    name: str
    boxes: Judged
    matches: Matches
    whole: bool


def parts_of(stored: Stored) -> Iterator[Part]:
    """All images, conditions, ranges of sizes."""
    boxes = stored.boxes
    yield Part("all", boxes, match(boxes), True)
    for tag, images in stored.tags.items():
        mine = boxes.only(images)
        yield Part(tag, mine, match(mine), True)
    for by_share in (False, True):
        if by_share and stored.areas is None:
            continue
        for name, limits in ranges(by_share).items():
            sizes = outside(boxes, limits, stored.areas if by_share else None)
            title = f"{name} share" if by_share else name
            yield Part(title, boxes, match(boxes, sizes=sizes), False)


def scores_of(part: Part) -> dict[str, np.ndarray]:
    """Scores by metric: float64 [classes + 1], NaN where undefined; the last is over classes.

    AP50, AP75, AP50_95: COCO AP; over classes, the mean of those with objects. F1, precision,
    recall: at IoU 0.5 and the confidence with the largest F1 of the class; over classes, their
    means at the confidence with the largest mean F1. miss_rate: log-average, and its mean.
    objects: required ones.
    """
    boxes, matches = part.boxes, part.matches
    ap = average_precision(boxes, matches)
    ap = np.concatenate([ap, mean_over(ap)[None]])
    objects = matches.required.sum(axis=1)
    found = {
        "objects": np.append(objects, objects.sum()).astype(float),
        **dict(zip(AP, (ap[:, 0], ap[:, 5], ap.mean(axis=1)), strict=True)),
    }
    if not part.whole:
        return found
    curves = [curve(boxes, matches, index) for index in range(len(boxes.classes))]
    bests = [best_f1(one) for one in curves]
    common = best_common_confidence(curves)
    at_common = [_at(one, common) for one in curves if one.objects]
    for name in AT_BEST[:3]:
        field = name.lower()
        over = _mean([getattr(each, field) for each in at_common])
        found[name] = np.array([*(getattr(each, field) for each in bests), over])
    found["confidence"] = np.array([*(each.confidence for each in bests), common])
    rates = [log_average(miss_rates(one)) for one in curves]
    found["miss_rate"] = np.array([*rates, _mean(rates)])
    return found


def precision_at_recalls(one: Curve, recalls: np.ndarray) -> np.ndarray:
    """Best precision at each recall or a larger one, 0 beyond the last: as COCO's AP samples it."""
    envelope = np.maximum.accumulate(one.precision[::-1])[::-1]
    at = np.searchsorted(one.recall, recalls)
    return np.append(envelope, 0.0)[at]


def _at(one: Curve, confidence: float) -> Best:
    at = int(np.searchsorted(-one.confidence, -confidence, side="right")) - 1
    if at < 0:
        return Best(confidence, np.nan, 0.0, 0.0)
    f1 = 2 * one.hits[at] / (one.hits[at] + one.false[at] + one.objects)
    return Best(confidence, float(one.precision[at]), float(one.recall[at]), float(f1))


def _mean(values: list[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")
