"""Data of the page's plots: metric against task, precision and recall. Nothing here is a new number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.detections.ap import RECALLS
from ivif_bench.detections.curves import curve
from ivif_bench.detections.matches import match
from ivif_bench.reports.detection_detail import IOU, precision_of
from ivif_bench.reports.page.chunks import number
from ivif_bench.reports.page.subjects import Question

if TYPE_CHECKING:
    from ivif_bench.detections.boxes import Judged
    from ivif_bench.reports.statistics.write import Studied


def against(
    items: Sequence[Studied], ids: Mapping[str, str], places: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Metrics against the scores of each task's table, by method, with Kendall's tau.

    Source images take no part, see ``ivif_bench.reports.statistics.against_task``.

    Args:
        places: the ids of datasets that have images, by name.
    """
    found = []
    for comparison, pair in [(item.comparison, pair) for item in items for pair in item.against]:
        outcomes = pair.headlines or pair.outcomes
        found.append(
            {
                "title": f"{pair.what}, by metrics of {comparison.dataset_title}",
                "dataset": places.get(comparison.dataset),
                "warnings": list(pair.warnings),
                "sentence": pair.sentence,
                "metrics": [
                    {
                        "key": metric,
                        "direction": "down" if pair.downward(metric) else "up",
                        "values": {
                            ids[name]: -value if pair.downward(metric) else value
                            for name, value in values.items()
                        },
                    }
                    for metric, values in pair.metrics.items()
                ],
                "outcomes": [
                    {
                        "title": each.title,
                        "values": {
                            ids[name]: value * 100
                            for name, value in each.scores.items()
                            if name in each.gains
                        },
                        "tau": {
                            metric: _tau(pair.found.get((metric, each.key)))
                            for metric in pair.metrics
                        },
                    }
                    for each in outcomes
                ],
            }
        )
    return found


def _tau(one: Any) -> str:
    if one is None or one.tau is None:
        return ""
    ends = one.tau_interval
    return f"{one.tau:.2f}" + (f" [{ends[0]:.2f}, {ends[1]:.2f}]" if ends else "")


def precision_recall(question: Question, ids: Mapping[str, str]) -> dict[str, Any] | None:
    """Precision at 101 recalls of each class, mean over seeds, and the confidence of the first seed there."""
    stored = question.stored
    if not stored:
        return None
    first = next(iter(stored.values()))[0].boxes
    return {
        "title": f"Precision and recall at IoU {IOU}: {question.title}",
        "classes": list(first.classes),
        "recalls": [round(float(each), 2) for each in RECALLS],
        "methods": {
            ids[name]: {
                "precision": [_numbers(line) for line in precision_of(seeds)],
                "confidence": _confidences(seeds[0].boxes),
            }
            for name, seeds in stored.items()
        },
    }


def _confidences(boxes: Judged) -> list[list[float | None]]:
    """By class, where each recall is reached; None beyond the last."""
    matches = match(boxes, np.array([IOU]))
    found = []
    for category in range(len(boxes.classes)):
        line = curve(boxes, matches, category)
        known = line.confidence.round(6).tolist() if line.objects else []
        at = np.searchsorted(line.recall, RECALLS - 1e-12).tolist() if known else [0] * len(RECALLS)
        found.append([known[i] if i < len(known) else None for i in at])
    return found


def _numbers(line: np.ndarray) -> list[float | None]:
    return [None if math.isnan(v) else number(round(v, 6)) for v in line.tolist()]
