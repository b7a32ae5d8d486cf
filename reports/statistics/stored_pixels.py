"""Resampled IoU of a method in a run, from the pixel counts that the run keeps of each image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ivif_bench.errors import UserError
from ivif_bench.reports.frame import RunResults, UnitResult
from ivif_bench.reports.scores import Subject
from ivif_bench.reports.segmentations import counts_of
from ivif_bench.reports.segmentations import samples_of as samples_of_counts

_SAME = 1e-9  # the counts are whole numbers, so their ratios are the recorded ones


def samples_of(
    run: RunResults, results: Sequence[UnitResult], method: str
) -> dict[tuple[str, str], np.ndarray]:
    """Metric and class to the resampled score, float64 [resamples].

    Only what the counts reproduce: a score whose recorded mean differs is left out, as is everything
    if a file is gone or the seeds were judged on different images.
    """
    try:
        counts = counts_of(run.run, results)
    except UserError:
        return {}
    if not counts or len({each.stems for each in counts}) > 1:
        return {}
    found = {}
    for column, numbers in samples_of_counts(method, counts).items():
        metric, _, class_name = column.partition(":")
        subject = Subject("", class_name, metric)
        if not all(subject in each.scores for each in results):
            continue
        mean = float(np.mean([each.scores[subject].value for each in results]))
        if abs(numbers[0] - mean) < _SAME:
            found[metric, class_name] = numbers[1:]
    return found
