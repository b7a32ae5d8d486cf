"""Metrics of levels that are not rounded: float64 in place of the whole numbers of 8-bit images.

Metric functions are the same code; this file has the parts that are computed in whole numbers for
8-bit images, in float64. Filters (VIF, SSIM, MS-SSIM) take either. What counts levels, such as EN or
MI, has no value here: it would depend on bins that nobody has defined.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.errors import UserError
from ivif_bench.tasks.quality.engine import Evaluator, Value
from ivif_bench.tasks.quality.plain import ratio, sobel
from ivif_bench.tasks.quality.registry import METRICS
from ivif_bench.tasks.quality.shared import Shared, check_sizes

if TYPE_CHECKING:
    from ivif_bench.tasks.quality.kernels.differences import Differences
    from ivif_bench.tasks.quality.kernels.moments import Moments

_NOTHING = 1e-18  # levels²: what rounding can make of a variance of 0, at most


def check_unrounded(evaluator: Evaluator) -> None:
    """Refuse what has no value without rounding.

    Raises:
        UserError: a metric that counts levels, another convention than ``reference``, or the fast
            mode.
    """
    if evaluator.convention != "reference" or evaluator.mode != "exact":
        raise UserError(
            f"quantise=False with convention {evaluator.convention!r}, mode {evaluator.mode!r}: only "
            "the exact definitions of 'reference' exist for values that are not rounded"
        )
    lacking = [name for name in evaluator.names if not METRICS.get(name).unrounded]
    if lacking:
        known = ", ".join(name for name, spec in METRICS.specs().items() if spec.unrounded)
        raise UserError(
            f"quantise=False: no definition without rounding for {', '.join(lacking)}; metrics=[...] "
            f"may have {known}"
        )


def measure_unrounded(evaluator: Evaluator, *images: np.ndarray) -> dict[str, Value]:
    """A value per metric for infrared, visible and fused, [H, W] or RGB [H, W, 3] in 0..255."""
    shared = Unrounded(*(_gray(image) for image in images))
    return {one.name: one(shared) for one in evaluator.measurements}


def _gray(image: np.ndarray) -> np.ndarray:
    """Luma as in ``ivif_bench.data.images.luma``, but not rounded: float64 [H, W]."""
    levels = image.astype(np.float64)
    if levels.ndim == 2:
        return levels
    red, green, blue = levels[:, :, 0], levels[:, :, 1], levels[:, :, 2]
    luma: np.ndarray = (299.0 * red + 587.0 * green + 114.0 * blue) / 1000.0
    return luma


class Unrounded(Shared):
    """A triple in float64 [H, W], 0..255; its parts are those of this file where there are any."""

    def __init__(self, infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> None:
        self.fast = False
        self.infrared, self.visible, self.fused = map(
            np.ascontiguousarray, (infrared, visible, fused)
        )
        check_sizes(self)
        self._parts = {}

    def part(self, make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return super().part(_parts().get(make, make), *args, **kwargs)


@cache
def _parts() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Part of whole numbers to its form here."""
    from ivif_bench.tasks.quality.kernels.differences import differences
    from ivif_bench.tasks.quality.kernels.edges import edges
    from ivif_bench.tasks.quality.kernels.moments import moments
    from ivif_bench.tasks.quality.kernels.sobel import mean_strength
    from ivif_bench.tasks.quality.kernels.squares import squared_differences

    return {
        differences: _differences,
        edges: _edges,
        moments: _moments,
        mean_strength: _mean_strength,
        squared_differences: _squared_differences,
    }


def _moments(shared: Shared) -> Moments:
    """Means are taken off first; variances that only rounding can make are 0."""
    from ivif_bench.tasks.quality.kernels.moments import Moments

    n = shared.fused.size
    planes = [plane - plane.mean() for plane in _planes(shared)]
    planes = [plane if _dot(plane, plane) > n * _NOTHING else 0 * plane for plane in planes]
    *sources, f = planes
    # Where F = X + c, F stands for X: SCD asks whether the variance of their difference is 0.
    a, b = (f if _dot(f - x, f - x) <= n * _NOTHING else x for x in sources)
    aa, bb, ff, ab, af, bf = (
        n * _dot(x, y) for x, y in ((a, a), (b, b), (f, f), (a, b), (a, f), (b, f))
    )
    return Moments(pixels=n, aa=aa, bb=bb, ff=ff, ab=ab, af=af, bf=bf)


def _dot(x: np.ndarray, y: np.ndarray) -> float:
    return float((x * y).sum())  # in one order, whatever the number of BLAS's threads


def _differences(shared: Shared) -> Differences:
    from ivif_bench.tasks.quality.kernels.differences import Differences

    shared.need_side(2)
    f = shared.fused
    across, down = (float(np.square(np.diff(f, axis=axis)).sum()) for axis in (1, 0))
    gy, gx = np.gradient(f)
    return Differences(across, down, float(np.sqrt((gx * gx + gy * gy) * 0.5).sum()))


def _squared_differences(shared: Shared) -> tuple[float, float]:
    a, b, f = _planes(shared)
    return float(np.square(a - f).sum()), float(np.square(b - f).sum())


def _mean_strength(shared: Shared) -> float:
    return float(np.hypot(*sobel(shared.fused, "edge")).mean())


def _edges(shared: Shared) -> tuple[float, float]:
    """Qabf's sums."""
    from ivif_bench.tasks.quality.kernels.edges import DA, DG, KA, KG, TA, TG

    a, b, f = (_strength_and_angle(plane) for plane in _planes(shared))
    kept = present = 0.0
    for g, angle in (a, b):
        strength = np.where(g == f[0], g, ratio(np.minimum(g, f[0]), np.maximum(g, f[0]), 0.0))
        direction = 1.0 - np.abs(angle - f[1]) / (math.pi / 2)
        sigmoids = (1 + np.exp(KG * (strength - DG))) * (1 + np.exp(KA * (direction - DA)))
        kept += float((TG * TA / sigmoids * g).sum())
        present += float(g.sum())
    return kept, present


def _strength_and_angle(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    across, down = sobel(plane, "constant")
    return np.hypot(across, down), np.arctan(ratio(-down, across, np.inf))


def _planes(shared: Shared) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return shared.infrared, shared.visible, shared.fused
