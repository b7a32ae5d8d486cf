"""Do 95 % intervals of a difference of two AP@0.5 hold it in 95 of 100 cases? A simulation.

A population of 20,000 images has a difference that is known exactly. From it, 2,000 times, 200
images are drawn; each time the paired bootstrap of ``ivif_bench.resampling`` gives an interval from
these images alone. Printed is the share of intervals that hold the difference of the population,
and as a control that of the usual interval of a mean of AP per image, which is no AP.

    python benchmarks/interval_coverage.py [--images 200] [--draws 2000] [--harsh]
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass

import numpy as np

from ivif_bench import resampling
from ivif_bench.detections.ap import Ranking, of_ranking, ranking

SEED = 20261129  # fixed before the first run
POPULATION = 20_000


@dataclass(frozen=True)
class Method:
    """Detections of a method in all images of the population, sorted by image."""

    start: np.ndarray
    score: np.ndarray
    hit: np.ndarray

    def drawn(self, images: np.ndarray, objects: np.ndarray) -> Ranking:
        """The ranking of these images; one that is drawn twice is two images."""
        count = (self.start[1:] - self.start[:-1])[images]
        place = np.repeat(np.arange(len(images)), count)
        first = np.cumsum(count) - count
        at = np.arange(count.sum()) - first[place] + self.start[images][place]
        return ranking(place, self.score[at], self.hit[at], objects[images])

    def per_image(self, objects: np.ndarray) -> np.ndarray:
        """AP of each image alone, NaN where it has no object."""
        values = np.full(len(objects), math.nan)
        for image in np.flatnonzero(objects):
            part = slice(self.start[image], self.start[image + 1])
            place = np.zeros(part.stop - part.start, np.int64)
            alone = ranking(place, self.score[part], self.hit[part], objects[[image]])
            values[image] = of_ranking(alone)[0]
        return values


def population(rng: np.random.Generator, harsh: bool) -> tuple[np.ndarray, Method, Method]:
    """Objects per image, and two methods.

    Images differ in difficulty, which both methods feel in hits, in confidence and in false
    positives; objects differ too, so that both tend to miss the same ones. Hard images have more
    objects. The second method finds fewer objects in easy images and more in hard ones: over all
    objects it is nearly as good, in the mean over images, in which one with a single object counts
    as much as one with twenty, it is much worse.

    Args:
        harsh: both are most confident in hard images, where they are wrong more often, the second
            more so. Precision then does not fall with recall, and AP, which takes the best
            precision at each recall or above, is too high by an amount that resampling of images
            hardly shows.
    """
    hard = rng.normal(size=POPULATION)
    crowded = rng.normal(size=POPULATION)
    mean = 1.2 + 0.6 * crowded if harsh else 1.0 + 0.7 * hard
    objects = rng.poisson(np.exp(mean))
    image = np.repeat(np.arange(POPULATION), objects)
    faint = rng.normal(size=len(image))
    usual = (_Traits(1.5, 0.8, -0.3, 1.5), _Traits(0.8, 0.0, -0.3, 1.5))
    both = (_Traits(0.9, 0.8, 0.3, 1.2), _Traits(1.1, 0.8, 0.9, 1.2)) if harsh else usual
    return objects, *(_method(rng, image, hard, faint, traits) for traits in both)


@dataclass(frozen=True)
class _Traits:
    """How well objects are found, how much worse in hard images, and what confidence tells.

    Attributes:
        finds, loses: log-odds of a hit, and what it loses by a unit of difficulty.
        raised: what a unit of difficulty adds to the confidence.
        tells: how much higher the confidence of hits is than that of false positives.
    """

    finds: float
    loses: float
    raised: float
    tells: float


def _method(
    rng: np.random.Generator,
    image: np.ndarray,
    hard: np.ndarray,
    faint: np.ndarray,
    traits: _Traits,
) -> Method:
    chance = 1 / (1 + np.exp(-(traits.finds - traits.loses * hard[image] - faint)))
    hits = image[rng.random(len(image)) < chance]
    wrong = np.repeat(np.arange(POPULATION), rng.poisson(1.2 * np.exp(0.5 * hard)))
    where = np.concatenate([hits, wrong])
    hit = np.arange(len(where)) < len(hits)
    score = rng.normal(np.where(hit, traits.tells, 0.0) + traits.raised * hard[where])
    order = np.argsort(where, kind="stable")
    start = np.searchsorted(where[order], np.arange(POPULATION + 1))
    return Method(start, score[order], hit[order])


def covered(
    images: int,
    draws: int,
    resamples: int = resampling.RESAMPLES,
    harsh: bool = False,
    seed: int = SEED,
) -> tuple[float, float]:
    """Share of intervals that hold the true difference: of the bootstrap, and of the control."""
    rng = np.random.default_rng(seed)
    objects, *methods = population(rng, harsh)
    everything = np.arange(POPULATION)
    one, other = (of_ranking(each.drawn(everything, objects))[0] for each in methods)
    truth = other - one
    alone = methods[1].per_image(objects) - methods[0].per_image(objects)
    print(
        f"AP@0.5 of the population: {100 * one:.2f} and {100 * other:.2f}, difference "
        f"{100 * truth:.2f}; mean difference of AP per image {100 * np.nanmean(alone):.2f}"
    )
    counts = resampling.image_counts(images, resamples)
    held = naive = 0
    for _ in range(draws):
        drawn = rng.integers(0, POPULATION, images)
        first, second = (of_ranking(each.drawn(drawn, objects), counts) for each in methods)
        ends = resampling.interval(second - first, images)
        held += ends is not None and ends[0] <= truth <= ends[1]
        values = alone[drawn][~np.isnan(alone[drawn])]
        half = 1.972 * values.std(ddof=1) / math.sqrt(len(values))
        naive += abs(values.mean() - truth) <= half
    return held / draws, naive / draws


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=resampling.RESAMPLES)
    parser.add_argument("--harsh", action="store_true", help="see population()")
    given = parser.parse_args()
    started = time.monotonic()
    print("harsh population" if given.harsh else "usual population")
    held, naive = covered(given.images, given.draws, given.resamples, given.harsh)
    print(
        f"{given.draws} draws of {given.images} images, {given.resamples} resamples, seed {SEED}: "
        f"paired bootstrap {100 * held:.2f} %, mean of AP per image {100 * naive:.2f} % "
        f"({time.monotonic() - started:.0f} s)"
    )


if __name__ == "__main__":
    main()
