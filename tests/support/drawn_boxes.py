"""Drawn objects and detections with all that makes matching hard."""

from __future__ import annotations

import numpy as np

from ivif_bench.types import Boxes


def drawn_boxes(
    seed: int,
    images: int = 30,
    classes: tuple[str, ...] = ("Car", "People", "Bus"),
    flags: bool = True,
    ties: bool = True,
    objects: int = 6,
    false: int = 6,
) -> tuple[dict[str, Boxes], dict[str, Boxes]]:
    """Truth and detections by stem.

    Boxes lie on a grid of whole pixels, and scores have two digits with ``ties``, so that overlaps
    at a threshold and equal scores occur. There are detections of the wrong class, shifted ones,
    duplicates, false ones, images without objects, crowd regions and difficult objects (``flags``).
    """
    rng = np.random.default_rng(seed)
    truth, found = {}, {}
    for index in range(images):
        count = int(rng.integers(0, objects + 1))
        real = _boxes(rng, count)
        names = rng.choice(classes, count)
        crowd = rng.random(count) < (0.15 if flags else 0)
        difficult = ~crowd & (rng.random(count) < (0.15 if flags else 0))
        near = np.repeat(np.arange(count), rng.integers(0, 4, count))
        moved = real[near] + np.rint(rng.normal(0, 4, (len(near), 4)))
        swapped = np.where(rng.random(len(near)) < 0.8, names[near], rng.choice(classes, len(near)))
        extra = _boxes(rng, int(rng.integers(0, false + 1)))
        boxes = np.concatenate([_valid(moved), extra])
        scores = np.round(rng.random(len(boxes)), 2 if ties else 9)
        labels = (*map(str, swapped), *map(str, rng.choice(classes, len(extra))))
        stem = f"{index:03d}"
        truth[stem] = Boxes(real, tuple(map(str, names)), None, crowd, difficult)
        found[stem] = Boxes(boxes, labels, scores)
    return truth, found


def _boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    corner = rng.integers(0, 300, (count, 2)).astype(float)
    size = np.rint(np.exp(rng.uniform(np.log(8), np.log(180), (count, 2))))
    return np.hstack([corner, corner + size])


def _valid(corners: np.ndarray) -> np.ndarray:
    return np.hstack([corners[:, :2], np.maximum(corners[:, 2:], corners[:, :2] + 2)])
