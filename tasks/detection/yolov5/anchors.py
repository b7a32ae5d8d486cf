"""Anchors: how well they fit the boxes of a training set, and a search for better ones."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.cluster.vq import kmeans

_ENOUGH = 0.98  # best possible recall above which anchors are kept
_LEAST_SIDE = 2.0  # pixels: smaller boxes are left out of the search, no anchor is smaller
_ITERATIONS = 30
GENERATIONS = 1000


class Fit(NamedTuple):
    """How anchors fit boxes.

    Attributes:
        best_possible_recall: share of the boxes that some anchor can match.
        above_threshold: mean number of anchors that can match a box.
        fitness: mean over the boxes of the ratio to their best anchor, 0 where none can match.
    """

    best_possible_recall: float
    above_threshold: float
    fitness: float


class Checked(NamedTuple):
    """What ``checked`` decides.

    Attributes:
        anchors: float64 [K, 2] widths and heights in pixels, sorted by area if they are new.
        before, after: fit of the given anchors, and of those returned.
        searched: whether others were looked for.
    """

    anchors: np.ndarray
    before: Fit
    after: Fit
    searched: bool


def box_sizes(sizes: np.ndarray, rows: Sequence[np.ndarray], image_size: int) -> list[np.ndarray]:
    """Widths and heights [M, 2] of the boxes of each image, in pixels of the network's input.

    Args:
        sizes: [N, 2] heights and widths of the images.
        rows: for each [M, 5], as in ``ResizedImages``.
        image_size: longer side that the images are scaled to.
    """
    return [
        boxes[:, 3:5] * (size[::-1] * (image_size / size.max()))
        for size, boxes in zip(sizes, rows, strict=True)
    ]


def fit(boxes: np.ndarray, anchors: np.ndarray, anchor_t: float) -> Fit:
    """How anchors [K, 2] fit boxes [N, 2]: a ratio of sides of less than ``anchor_t`` is a match."""
    least, sides = 1.0 / anchor_t, _Sides.of(boxes)
    matches = np.stack([sides.ratios(anchor) for anchor in anchors])
    best = matches.max(axis=0)
    return Fit(
        float((best > least).mean()),
        float((matches > least).sum(axis=0).mean()),
        _fitness(best, least),
    )


def checked(
    boxes: Sequence[np.ndarray],
    anchors: np.ndarray,
    anchor_t: float,
    image_size: int,
    seed: int,
    generations: int = GENERATIONS,
) -> Checked:
    """The given anchors, or others that were searched for if these match too few boxes.

    Args:
        boxes: of each image, as ``box_sizes`` gives them. For the decision, those of each image are
            multiplied by a random number of 0.9 to 1.1.
        anchors: float64 [K, 2] in pixels of the network's input.
        anchor_t: largest ratio of sides of a match.
        image_size: longer side of the network's input.
        seed: of the random numbers.
        generations: of the search.
    """
    generator = np.random.default_rng(seed)
    factors = generator.uniform(0.9, 1.1, len(boxes))
    varied = np.concatenate([each * factor for each, factor in zip(boxes, factors, strict=True)])
    before = fit(varied, anchors, anchor_t)
    if before.best_possible_recall > _ENOUGH:
        return Checked(anchors, before, before, False)
    found = searched(
        np.concatenate(boxes), len(anchors), anchor_t, image_size, generator, generations
    )
    after = fit(varied, found, anchor_t)
    if after.best_possible_recall > before.best_possible_recall:
        return Checked(found, before, after, True)
    return Checked(anchors, before, before, True)


def searched(
    boxes: np.ndarray,
    count: int,
    anchor_t: float,
    image_size: int,
    generator: np.random.Generator,
    generations: int = GENERATIONS,
) -> np.ndarray:
    """Anchors float64 [count, 2] by k-means and random changes that raise the fitness, by area.

    Args:
        boxes: [N, 2] in pixels; those with both sides below 2 pixels are left out.
        count: number of anchors.
        anchor_t, image_size, generations: as of ``checked``.
        generator: gives all random numbers.
    """
    boxes = boxes[(boxes >= _LEAST_SIDE).any(axis=1)]
    least, sides = 1.0 / anchor_t, _Sides.of(boxes)
    anchors = _centres(boxes, count, image_size, generator)
    fitness = _fitness(sides.best(anchors), least)
    for _ in range(generations):
        changed = np.maximum(anchors * _factors(anchors.shape, generator), _LEAST_SIDE)
        better = _fitness(sides.best(changed), least)
        if better > fitness:
            anchors, fitness = changed, better
    return anchors[anchors.prod(axis=1).argsort(kind="stable")]


def _centres(
    boxes: np.ndarray, count: int, image_size: int, generator: np.random.Generator
) -> np.ndarray:
    """Centres of clusters; random sizes where there are fewer clusters than anchors."""
    if len(boxes) > count:
        deviation = boxes.std(axis=0)
        deviation[deviation == 0] = 1.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of clusters that are left without boxes
            centres, _ = kmeans(boxes / deviation, count, iter=_ITERATIONS, seed=generator)
        if len(centres) == count:
            return centres * deviation
    return np.sort(generator.random(2 * count)).reshape(count, 2) * image_size


def _factors(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Random factors around 1, at least one of which is not 1."""
    while True:
        changed = generator.random(shape) < 0.9
        factors = changed * generator.random() * generator.standard_normal(shape) * 0.1 + 1
        factors = factors.clip(0.3, 3.0)
        if (factors != 1).any():
            return factors


class _Sides(NamedTuple):
    """Sides of boxes, [2, N] widths and heights, and 1 / sides: faster to compare than [N, K, 2]."""

    sides: np.ndarray
    inverse: np.ndarray

    @classmethod
    def of(cls, boxes: np.ndarray) -> _Sides:
        sides = np.ascontiguousarray(boxes.T, np.float64)
        return cls(sides, 1 / sides)

    def ratios(self, anchor: np.ndarray) -> np.ndarray:
        """[N] in 0..1: the smaller of the ratios of each box's sides to those of an anchor."""
        with np.errstate(divide="ignore"):  # a side of 0 matches nothing
            one, other = self.sides * (1 / anchor)[:, None], self.inverse * anchor[:, None]
        smaller = np.minimum(one, other, out=one)
        return np.minimum(smaller[0], smaller[1])

    def best(self, anchors: np.ndarray) -> np.ndarray:
        """[N]: the same of the best of some anchors."""
        best = self.ratios(anchors[0])
        for anchor in anchors[1:]:
            np.maximum(best, self.ratios(anchor), out=best)
        return best


def _fitness(best: np.ndarray, least: float) -> float:
    return float((best * (best > least)).mean())
