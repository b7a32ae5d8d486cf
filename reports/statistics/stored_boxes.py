"""Resampled AP of a method in a run, from the detections that the run keeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ivif_bench.detections.intervals import ap_samples
from ivif_bench.detections.stored import name_of, read_stored
from ivif_bench.errors import UserError
from ivif_bench.reports.frame import RunResults, UnitResult
from ivif_bench.reports.scores import Subject

THRESHOLDS = np.arange(50, 100, 5) / 100
_SAME = 1e-6


def samples_of(
    run: RunResults, results: Sequence[UnitResult], method: str
) -> dict[tuple[str, str], np.ndarray]:
    """Metric and class to the resampled score, float64 [resamples].

    Only what the detections reproduce: a score whose recorded mean differs (another rule of
    averaging, detections of another version) is left out, as is everything if a file is gone.
    """
    try:
        boxes = [
            read_stored(run.run / "checkpoints" / name_of(result.unit.key)).boxes
            for result in results
        ]
    except UserError:
        return {}
    if len({(each.stems, each.classes) for each in boxes}) > 1:
        return {}
    value, samples = ap_samples(boxes, method, THRESHOLDS)
    whole = _scores(value[None], boxes[0].classes)
    recorded = {
        key: float(
            np.mean([result.scores[Subject("", key[1], key[0])].value for result in results])
        )
        for key in whole
        if all(Subject("", key[1], key[0]) in result.scores for result in results)
    }
    wanted = {key for key, mean in recorded.items() if abs(whole[key][0] - mean) < _SAME}
    if not wanted:
        return {}
    drawn = _scores(samples, boxes[0].classes)
    return {key: drawn[key] for key in wanted}


def _scores(ap: np.ndarray, classes: Sequence[str]) -> dict[tuple[str, str], np.ndarray]:
    """AP of classes at thresholds, [resamples, classes, 10], as the metrics of records."""
    found = {("AP50", name): ap[:, at, 0] for at, name in enumerate(classes)}
    found |= {("AP50_95", name): ap[:, at].mean(axis=1) for at, name in enumerate(classes)}
    some = ~np.isnan(ap[..., 0]).all(axis=1)
    for key, values in (("mAP50", ap[..., 0]), ("mAP50_95", ap.mean(axis=2))):
        mean = np.full(len(ap), np.nan)
        mean[some] = np.nanmean(values[some], axis=1)
        found[key, ""] = mean
    return found
