"""What explains a detection table: parts of the test set, confusions, errors, curves.

Numbers are means over seeds, as in the tables. They come from the boxes that a run keeps
(``detections-<key>.json``); methods that no longer have theirs are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.detections.ap import RECALLS, mean_over, resampled
from ivif_bench.detections.confusion import confusion
from ivif_bench.detections.curves import Curve, best_common_confidence, curve
from ivif_bench.detections.errors import KINDS, errors
from ivif_bench.detections.matches import Matches, match
from ivif_bench.detections.summary import parts_of, precision_at_recalls, scores_of
from ivif_bench.parallel import in_threads
from ivif_bench.reports.detections import stored_of
from ivif_bench.resampling import image_counts, interval, over_seeds

if TYPE_CHECKING:
    from ivif_bench.detections.boxes import Judged
    from ivif_bench.detections.stored import Stored
    from ivif_bench.reports.comparison import Comparison

IOU = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Detail:
    """What is known of one method, means over its seeds.

    Attributes:
        classes: names.
        scores: rows of ``scores.csv`` without the method.
        confusion: float64 [classes + 1, classes + 1], see ``ivif_bench.detections.confusion``.
        errors: rows of ``errors.csv`` without the method.
        precision: float64 [classes, 101] at ``RECALLS``; NaN for a class without objects.
    """

    classes: tuple[str, ...]
    scores: Sequence[Mapping[str, Any]]
    confusion: np.ndarray
    errors: Sequence[Mapping[str, Any]]
    precision: np.ndarray

    def interval_of(self, class_name: str) -> tuple[float, float, float]:
        """AP@0.5 of all images, with its interval: value, low, high; NaN where there is none."""
        for row in self.scores:
            if (row["part"], row["class"], row["metric"]) == ("all", class_name, "AP50"):
                return tuple(  # type: ignore[return-value]
                    math.nan if row[key] is None else row[key] for key in ("value", "low", "high")
                )
        return (math.nan,) * 3


def details_of(comparison: Comparison) -> dict[str, Detail]:
    """Details by method, of methods whose detections are still there."""
    stored = stored_of(comparison)
    found = in_threads(lambda name: _detail(name, stored[name]), list(stored))
    return dict(zip(stored, found, strict=True))


def _detail(method: str, seeds: Sequence[Stored]) -> Detail:
    matrices, curves, wrong = [], [], []
    for each in seeds:
        boxes = each.boxes
        matches = match(boxes, np.array([IOU]))
        lines = [curve(boxes, matches, index) for index in range(len(boxes.classes))]
        common = best_common_confidence(lines)
        matrices.append(confusion(boxes, common))
        curves.append(_precision(lines))
        wrong.append(errors(boxes))
    return Detail(
        classes=seeds[0].boxes.classes,
        scores=_scores(method, seeds),
        confusion=np.mean(matrices, axis=0),
        errors=[
            {
                "kind": kind,
                "count": float(np.mean([each.counts[kind] for each in wrong])),
                "share": float(np.mean([each.shares[kind] for each in wrong])),
                "gain": float(np.mean([each.gains[kind] for each in wrong])),
            }
            for kind in KINDS
        ],
        precision=np.mean(curves, axis=0),
    )


def precision_of(seeds: Sequence[Stored]) -> np.ndarray:
    """Mean precision over seeds at ``RECALLS``: float64 [classes, 101]; NaN without objects."""
    found = []
    for each in seeds:
        matches = match(each.boxes, np.array([IOU]))
        found.append(
            _precision([curve(each.boxes, matches, at) for at in range(len(each.boxes.classes))])
        )
    mean: np.ndarray = np.mean(found, axis=0)
    return mean


def _precision(lines: Sequence[Curve]) -> np.ndarray:
    return np.array(
        [
            precision_at_recalls(line, RECALLS) if line.objects else np.full(101, math.nan)
            for line in lines
        ]
    )


def _scores(method: str, seeds: Sequence[Stored]) -> list[dict[str, Any]]:
    rows = []
    for parts in zip(*(parts_of(each) for each in seeds), strict=True):
        part, found = parts[0], [scores_of(each) for each in parts]
        samples = over_seeds(
            np.stack([_ap50_samples(each.boxes, each.matches) for each in parts]), method
        )
        names = (*part.boxes.classes, "")
        for metric in found[0]:
            values = np.stack([each[metric] for each in found])
            for at, name in enumerate(names):
                ends = interval(samples[:, at], len(part.boxes.stems)) if metric == "AP50" else None
                value = float(values[:, at].mean())
                rows.append(
                    {
                        "part": part.name,
                        "class": name,
                        "metric": metric,
                        "value": None if math.isnan(value) else value,
                        "sd": float(values[:, at].std(ddof=1)) if len(values) > 1 else None,
                        "low": ends[0] if ends else None,
                        "high": ends[1] if ends else None,
                        "images": len(part.boxes.stems),
                    }
                )
    return rows


def _ap50_samples(boxes: Judged, matches: Matches) -> np.ndarray:
    """Resamples of AP@0.5: float64 [resamples, classes + 1], the last is the mean."""
    first = Matches(
        matches.thresholds[:1], matches.outcome[:1], matches.partner[:1], matches.required
    )
    values = resampled(boxes, first, image_counts(len(boxes.stems)))
    return np.hstack([values[:, :, 0], mean_over(values)])
