"""What explains the detection tables of a run, as CSV files and figures."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ivif_bench.detections.ap import RECALLS
from ivif_bench.reports.comparison import comparisons
from ivif_bench.reports.detection_detail import Detail, details_of
from ivif_bench.reports.detection_figures import figures_of
from ivif_bench.reports.tables.detection import plain, resampled

if TYPE_CHECKING:
    from ivif_bench.reports.comparison import Comparison
    from ivif_bench.reports.frame import RunResults


def files_of(run: RunResults) -> dict[str, bytes]:
    """CSV files and figures of every detection table of a run."""
    files: dict[str, bytes] = {}
    for comparison in comparisons(run):
        if comparison.task == "detection" and (details := details_of(comparison)):
            for name, rows in _rows(details).items():
                files[f"{comparison.name}-{name}.csv"] = _csv(rows)
            files[f"{comparison.name}-pairs.csv"] = _csv(_pairs(comparison))
            files |= figures_of(comparison, details)
    return files


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
