"""Weights of classes and images, to show images of rare or badly found classes more often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def class_weights(numbers: np.ndarray, classes: int) -> np.ndarray:
    """float64 [classes]: inverse frequency, with the sum 1; a class without a box counts as one.

    Args:
        numbers: class numbers of all boxes.
    """
    inverse = 1.0 / np.bincount(numbers.astype(np.int64), minlength=classes).clip(1)
    return inverse / inverse.sum()


def image_weights(numbers: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """float64 [N]: the sum over the boxes of each image of the weight of their class.

    Args:
        numbers: class numbers of the boxes of each image.
        weights: of the classes.
    """
    return np.array([weights[each.astype(np.int64)].sum() for each in numbers])


def drawn_images(
    numbers: Sequence[np.ndarray], ap: np.ndarray, generator: np.random.Generator
) -> list[int]:
    """As many image numbers as there are images, drawn by weight with replacement.

    Args:
        numbers: class numbers of the boxes of each image.
        ap: average precision of each class so far, in 0..1.
        generator: gives the random numbers.
    """
    weights = class_weights(np.concatenate(numbers), len(ap)) * (1 - ap) ** 2
    share = image_weights(numbers, weights)
    total = share.sum()  # 0 where every class is perfect
    chances = share / total if total else None
    return generator.choice(len(share), len(share), p=chances).tolist()
