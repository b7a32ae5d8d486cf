"""Where metrics have no value: constant, black, equal and small images, tried out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ivif_bench.tasks.quality.engine import Evaluator, metrics_of, resolve
from ivif_bench.tasks.quality.reading import Triple

_SIDE = 176  # large enough for every metric


def cases() -> dict[str, Triple]:
    """Degenerate triples by what is degenerate, made from two noise images."""
    a, b = _noise(0, _SIDE), _noise(1, _SIDE)
    gray, black = np.full_like(a, 77), np.zeros_like(a)
    return {
        "F constant": (a, b, gray),
        "a source constant": (a, gray, a // 2 + b // 2),
        "both sources constant": (gray, gray + 1, a),
        "all constant": (gray, gray, gray),
        "all black": (black, black, black),
        "F = A": (a, b, a),
        "F = A = B": (a, a, a),
    }


def undefined(convention: str) -> dict[str, dict[str, str]]:
    """Reason by metric and case; empty where the metric has a value."""
    evaluator = resolve(metrics_of(convention), convention)
    found: dict[str, dict[str, str]] = {name: {} for name in evaluator.names}
    for case, triple in cases().items():
        for name, value in evaluator.measure(*triple).items():
            found[name][case] = value.reason
    return found


def smallest_sides(convention: str) -> Mapping[str, int]:
    """Shortest side in pixels that a metric accepts, by metric."""
    return {name: _smallest(resolve([name], convention)) for name in metrics_of(convention)}


def _smallest(evaluator: Evaluator) -> int:
    low, high = 0, _SIDE  # too small, large enough
    while high - low > 1:
        side = (low + high) // 2
        triple = (_noise(0, side), _noise(1, side), _noise(2, side))
        (value,) = evaluator.measure(*triple).values()
        low, high = (side, high) if value.reason == "too_small" else (low, side)
    return high


def _noise(seed: int, side: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side)).astype(np.uint8)
