"""Resampled AP of methods over the same images, over one or several seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ivif_bench.detections.ap import resampled
from ivif_bench.detections.boxes import Judged
from ivif_bench.detections.matches import match
from ivif_bench.parallel import in_threads
from ivif_bench.resampling import image_counts, over_seeds


def ap_samples(
    seeds: Sequence[Judged],
    method: str,
    thresholds: np.ndarray,
    counts: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """AP of each class, of the images as they are and in each resample.

    Args:
        seeds: what the method's networks found, one per seed, in the same images.
        method: its name, see ``ivif_bench.resampling.seed_shares``.
        thresholds: float64 [T], of IoU.
        counts: the resamples of images, by default ``ivif_bench.resampling.image_counts``.

    Returns:
        float64 [classes, T], the mean over seeds, and float64 [resamples, classes, T]; NaN where
        the images have no object of a class.
    """
    if counts is None:
        counts = image_counts(len(seeds[0].stems))
    with_all = np.concatenate([np.ones_like(counts[:1]), counts])

    def of(boxes: Judged) -> np.ndarray:
        return resampled(boxes, match(boxes, thresholds), with_all)

    values = np.stack(in_threads(of, seeds))
    return values[:, 0].mean(axis=0), over_seeds(values[:, 1:], method)
