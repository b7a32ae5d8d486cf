"""How well the phase congruency of the fused image follows that of the sources."""

from __future__ import annotations

import math

import numpy as np

from ivif_bench.compiled.jit import kernel
from ivif_bench.tasks.quality.kernels.phase_congruency import phase_maps
from ivif_bench.tasks.quality.shared import Shared

SIDE, SIGMA = 11, 1.5
C = 1e-4
FEATURE = 0.1  # phase congruency above which a pixel of a source counts


def phase_agreement(shared: Shared, exact: bool = False) -> tuple[float, float, float] | None:
    """Part: mean local correlation of congruency, largest and smallest moment, each −1..1.

    None if no pixel of the sources has phase congruency above 0.1. No image may be constant.
    """
    infrared, visible, fused = (
        phase_maps(image, exact) for image in (shared.infrared, shared.visible, shared.fused)
    )
    strong = [source.congruency > FEATURE for source in (infrared, visible)]
    from_infrared = infrared.congruency > visible.congruency
    either = np.where(from_infrared, *strong)
    if not either.any():
        return None
    masks = np.stack([*strong, either])
    found = []
    for a, b, f in zip(infrared, visible, fused, strict=True):
        a, b = a * strong[0], b * strong[1]
        found.append(_mean_agreement(np.stack([a, b, np.where(from_infrared, a, b)]), f, masks))
    return found[0], found[1], found[2]


def _mean_agreement(sources: np.ndarray, fused: np.ndarray, masks: np.ndarray) -> float:
    """Per pixel the best of three local correlations, averaged over the third mask."""
    taps = np.exp(-((np.arange(SIDE) - SIDE // 2) ** 2) / (2 * SIGMA**2))
    taps /= taps.sum()
    mean_f, square_f = _blur(fused, taps), _blur(fused * fused, taps)
    best = np.full(fused.shape, -math.inf)
    for source, mask in zip(sources, masks, strict=True):
        mean_x, square_x = _blur(source, taps), _blur(source * source, taps)
        product = _blur(source * fused, taps)
        _keep_best(mean_x, square_x, product, mean_f, square_f, mask, best)
    return float(best.sum() / masks[-1].sum())


@kernel
def _keep_best(  # type: ignore[no-untyped-def]
    mean_x, square_x, product, mean_y, square_y, mask, best
):
    for i in range(best.shape[0]):
        for j in range(best.shape[1]):
            found = 0.0
            if mask[i, j]:
                vx = max(square_x[i, j] - mean_x[i, j] * mean_x[i, j], 0.0)
                vy = max(square_y[i, j] - mean_y[i, j] * mean_y[i, j], 0.0)
                covariance = product[i, j] - mean_x[i, j] * mean_y[i, j]
                found = (covariance + C) / (math.sqrt(vx * vy) + C)
            best[i, j] = max(best[i, j], found)


@kernel
def _blur(plane, taps):  # type: ignore[no-untyped-def]
    """Separable window of odd length over both axes; outside the image there are zeros."""
    rows, columns = plane.shape
    r = taps.size // 2
    out = np.zeros((rows, columns))
    line = np.zeros(columns + 2 * r)
    for i in range(rows):
        line[r : r + columns] = taps[r] * plane[i]
        for k in range(1, r + 1):
            for near in (i - k, i + k):
                if 0 <= near < rows:
                    for j in range(columns):
                        line[r + j] += taps[r + k] * plane[near, j]
        for j in range(columns):
            out[i, j] = taps[r] * line[r + j]
        for k in range(1, r + 1):
            for j in range(columns):
                out[i, j] += taps[r + k] * (line[r + j - k] + line[r + j + k])
    return out
