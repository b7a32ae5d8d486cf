"""Time and memory of intervals of AP@0.5: from boxes to differences of all methods.

Run with ``python benchmarks/detection_intervals.py``. By default, 831 images,
6 classes, 20 methods, 100 boxes an image, 2,000 resamples. Boxes are drawn; reading
files is not measured. Compiling the loops, once per machine, is.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from ivif_bench.detections.ap import mean_over
from ivif_bench.detections.boxes import Flat, Judged, in_order
from ivif_bench.detections.intervals import ap_samples
from ivif_bench.parallel import in_threads, processors
from ivif_bench.resampling import RESAMPLES, interval

OBJECTS = 8  # per image on average, as in M3FD


def drawn(images: int, classes: int, boxes: int, method: int) -> Judged:
    """Objects, equal for all methods, and detections of one method."""
    rng = np.random.default_rng(0)
    count = images * OBJECTS
    real = _flat(rng, np.sort(rng.integers(0, images, count)), classes)
    rng = np.random.default_rng([1, method])
    hits = np.flatnonzero(rng.random(count) < 0.7)
    false = images * boxes - len(hits)
    image = np.concatenate([real.image[hits], rng.integers(0, images, false)])
    found = _flat(rng, image, classes)
    found.category[: len(hits)] = real.category[hits]
    found.xywh[: len(hits)] = real.xywh[hits] + rng.normal(0, 3, (len(hits), 4))
    found.score[: len(hits)] = rng.beta(4, 2, len(hits))
    found.score[len(hits) :] = rng.beta(1, 8, false)
    names = tuple(f"class {index}" for index in range(classes))
    stems = tuple(f"{index:05d}" for index in range(images))
    return Judged(stems, names, in_order(real), in_order(found))


def _flat(rng: np.random.Generator, image: np.ndarray, classes: int) -> Flat:
    count = len(image)
    corner = rng.uniform(0, 900, (count, 2))
    size = np.exp(rng.uniform(np.log(12), np.log(150), (count, 2)))
    flags = np.zeros(count, bool)
    category = rng.integers(0, classes, count)
    return Flat(image, category, np.hstack([corner, size]), np.zeros(count), flags, flags)


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    for name, value in (("images", 831), ("classes", 6), ("methods", 20), ("boxes", 100)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--thresholds", type=int, default=1, help="IoU thresholds from 0.5")
    given = parser.parse_args()
    thresholds = np.linspace(0.5, 0.95, 10)[: given.thresholds]
    methods = [
        drawn(given.images, given.classes, given.boxes, index) for index in range(given.methods)
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    started, used = time.perf_counter(), time.process_time()

    def of(index: int) -> np.ndarray:
        _, samples = ap_samples([methods[index]], str(index), thresholds)
        mean: np.ndarray = mean_over(samples).mean(axis=1)
        return mean

    means = in_threads(of, range(given.methods))
    differences = [interval(one - other, given.images) for one in means for other in means]
    seconds, used = time.perf_counter() - started, time.process_time() - used
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{given.methods} methods, {given.images} images, {given.classes} classes, {given.boxes} "
        f"boxes an image, {given.thresholds} IoU threshold(s), {RESAMPLES} resamples, "
        f"{len(differences)} intervals: {seconds:.1f} s ({used:.1f} CPU-s on {processors()} "
        f"processors), memory {most:.2f} GB at most ({before:.2f} before)"
    )


if __name__ == "__main__":
    main()
