"""What explains a detection table, as CSV files: parts of the test set, confusions, errors, curves.

Numbers are means over seeds, as in the tables. They come from the boxes that a run keeps
(``detections-<key>.json``); methods that no longer have theirs are left out.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.detections.ap import RECALLS, mean_over, resampled
from ivif_bench.detections.confusion import confusion
from ivif_bench.detections.curves import best_common_confidence, curve
from ivif_bench.detections.errors import KINDS, errors
from ivif_bench.detections.matches import Matches, match
from ivif_bench.detections.summary import parts_of, precision_at_recalls, scores_of
from ivif_bench.parallel import in_threads
from ivif_bench.reports.comparison import comparisons
from ivif_bench.reports.detections import stored_of
from ivif_bench.resampling import image_counts, interval, over_seeds

if TYPE_CHECKING:
    from ivif_bench.detections.boxes import Judged
    from ivif_bench.detections.stored import Stored
    from ivif_bench.reports.comparison import Comparison
    from ivif_bench.reports.frame import RunResults

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


def files_of(run: RunResults) -> dict[str, bytes]:
    """CSV files and figures of every detection table of a run."""
    from ivif_bench.reports.detection_figures import figures_of

    files: dict[str, bytes] = {}
    for comparison in comparisons(run):
        if comparison.task == "detection" and (details := details_of(comparison)):
            for name, rows in _rows(details).items():
                files[f"{comparison.name}-{name}.csv"] = _csv(rows)
            files[f"{comparison.name}-pairs.csv"] = _csv(_pairs(comparison))
            files |= figures_of(comparison, details)
    return files


def _detail(method: str, seeds: Sequence[Stored]) -> Detail:
    matrices, curves, wrong = [], [], []
    for each in seeds:
        boxes = each.boxes
        matches = match(boxes, np.array([IOU]))
        lines = [curve(boxes, matches, index) for index in range(len(boxes.classes))]
        common = best_common_confidence(lines)
        matrices.append(confusion(boxes, common))
        curves.append(
            [
                precision_at_recalls(line, RECALLS) if line.objects else np.full(101, math.nan)
                for line in lines
            ]
        )
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


def _rows(details: Mapping[str, Detail]) -> dict[str, list[dict[str, Any]]]:
    """Rows of the CSV files by name."""
    files: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("scores", "errors", "confusion", "curves")
    }
    for method, detail in details.items():
        files["scores"] += [{"method": method, **row} for row in detail.scores]
        files["errors"] += [{"method": method, **row} for row in detail.errors]
        names = (*detail.classes, "background")
        files["confusion"] += [
            {"method": method, "truth": truth, "found": found, "count": float(count)}
            for truth, line in zip(names, detail.confusion, strict=True)
            for found, count in zip(names, line, strict=True)
        ]
        files["curves"] += [
            {"method": method, "class": name, "recall": float(recall), "precision": float(value)}
            for name, line in zip(detail.classes, detail.precision, strict=True)
            for recall, value in zip(RECALLS, line, strict=True)
            if not math.isnan(value)
        ]
    return files


def _pairs(comparison: Comparison) -> Iterable[dict[str, Any]]:
    """Every method less every other, in every column of the table that can be resampled."""
    from ivif_bench.reports.tables.detection import plain, resampled

    for each in resampled(plain(comparison)[0], comparison).pairs():
        yield {
            "method": each.method,
            "other": each.other,
            "column": each.column,
            "difference": each.estimate.value,
            "low": each.estimate.low,
            "high": each.estimate.high,
            "verdict": each.verdict,
        }


def _csv(rows: Iterable[Mapping[str, Any]]) -> bytes:
    found = list(rows)
    sink = io.StringIO()
    writer = csv.DictWriter(sink, list(found[0]) if found else ["method"], lineterminator="\n")
    writer.writeheader()
    for row in found:
        writer.writerow({key: "" if value is None else value for key, value in row.items()})
    return sink.getvalue().encode()
