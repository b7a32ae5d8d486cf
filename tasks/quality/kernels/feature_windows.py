"""Mutual information of corresponding 3x3 windows of two feature images."""

from __future__ import annotations

import math

import numpy as np

from ivif_bench.compiled.jit import kernel

_CELLS = 9


def window_information(
    infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray
) -> tuple[float, float]:
    """Mean over all 3x3 windows of 2·I/(H_X+H_F), for infrared and for visible.

    Args:
        infrared, visible, fused: feature images, float64 [H, W], both sides at least 3.

    Each window, read column by column, is scaled to 0..1 and divided by its sum: p and q with
    distribution functions P and Q. Their joint distribution is φ·J + (1−φ)·p·q, where J couples
    them as closely as their marginals allow: min(P, Q) where their correlation c is not negative,
    max(P+Q−1, 0) where it is. φ = c/ρ, at most 1, with ρ the correlation of positions under J.
    """
    sums = np.zeros(2)
    _window_information(infrared, visible, fused, sums)
    windows = (fused.shape[0] - 2) * (fused.shape[1] - 2)
    return float(sums[0]) / windows, float(sums[1]) / windows


@kernel
def _window_information(a, b, f, sums):  # type: ignore[no-untyped-def]
    # Rows: share, its logarithm, its running sum. Moments: entropy, mean and deviation of the
    # position, norm of the centred shares.
    source, fused = np.empty((3, _CELLS)), np.empty((3, _CELLS))
    source_moments, fused_moments = np.empty(4), np.empty(4)
    cells = np.empty((2 * _CELLS, 3))
    for i in range(f.shape[0] - 2):
        row = np.zeros(2)  # a sum per row loses fewer digits than one over the image
        for j in range(f.shape[1] - 2):
            varies = _distribution(f, i, j, fused, fused_moments)
            for k in range(2):
                x = a if k == 0 else b
                if _equal(x, f, i, j):
                    row[k] += 1.0
                elif varies and _distribution(x, i, j, source, source_moments):
                    row[k] += _shared_information(
                        source, source_moments, fused, fused_moments, cells
                    )
        sums[0] += row[0]
        sums[1] += row[1]


@kernel
def _equal(x, y, i, j):  # type: ignore[no-untyped-def]
    for column in range(j, j + 3):
        for row in range(i, i + 3):
            if x[row, column] != y[row, column]:
                return False
    return True


@kernel
def _distribution(image, i, j, out, moments):  # type: ignore[no-untyped-def]
    """Shares of the window at (i, j); False if no information can be shared through them.

    That is so for a constant window, whose shares do not correlate with any others, and for one
    that has a single share, whose entropy is 0.
    """
    share, logarithm, running = out[0], out[1], out[2]
    low = high = image[i, j]
    for column in range(3):
        for row in range(3):
            value = image[i + row, j + column]
            share[3 * column + row] = value
            low, high = min(low, value), max(high, value)
    if low == high:
        return False
    total = 0.0
    for n in range(_CELLS):
        share[n] = (share[n] - low) / (high - low)
        total += share[n]
    if total == 1.0:
        return False
    entropy = mean = norm = 0.0
    for n in range(_CELLS):
        p = share[n] / total
        share[n] = p
        running[n] = p if n == 0 else running[n - 1] + p
        logarithm[n] = math.log(p) if p > 0.0 else 0.0
        entropy -= p * logarithm[n]
        mean += n * p
        norm += (p - 1.0 / _CELLS) ** 2
    running[_CELLS - 1] = 1.0
    spread = 0.0
    for n in range(_CELLS):
        spread += share[n] * (n - mean) ** 2
    moments[0], moments[1] = entropy, mean
    moments[2], moments[3] = math.sqrt(spread), math.sqrt(norm)
    return True


@kernel
def _shared_information(x, x_moments, y, y_moments, cells):  # type: ignore[no-untyped-def]
    """2·I/(H_x+H_y) of two distributions that are neither flat nor a single share."""
    p, log_p, q, log_q = x[0], x[1], y[0], y[1]
    correlation = 0.0
    for n in range(_CELLS):
        correlation += (p[n] - 1.0 / _CELLS) * (q[n] - 1.0 / _CELLS)
    correlation /= x_moments[3] * y_moments[3]
    count = _couple(x[2], y[2], correlation >= 0.0, cells)
    attainable = 0.0
    for n in range(count):
        attainable += cells[n, 2] * (cells[n, 0] - x_moments[1]) * (cells[n, 1] - y_moments[1])
    attainable /= x_moments[2] * y_moments[2]
    phi = min(correlation / attainable, 1.0)
    # Σ t·log t over all 81 cells: as if all were independent, then corrected where J is not 0.
    free = 1.0 - phi
    log_free = math.log(free) if free > 0.0 else 0.0
    entropies = x_moments[0] + y_moments[0]
    information = entropies + free * (log_free - entropies)
    for n in range(count):
        i, j = int(cells[n, 0]), int(cells[n, 1])
        independent = free * p[i] * q[j]
        joint = phi * cells[n, 2] + independent
        if joint > 0.0:
            information += joint * math.log(joint)
        if independent > 0.0:
            information -= independent * (log_free + log_p[i] + log_q[j])
    return min(2.0 * max(information, 0.0) / entropies, 1.0)


@kernel
def _couple(below_p, below_q, same_order, cells):  # type: ignore[no-untyped-def]
    """The at most 17 cells (i, j, mass) in which two distributions meet, one share after the other.

    Both from their first share on, or q from its last one.
    """
    i = j = count = 0
    done = 0.0
    while i < _CELLS and j < _CELLS:
        end_p, end_q = below_p[i], _end(below_q, j, same_order)
        end = min(end_p, end_q)
        if end > done:
            cells[count, 0] = i
            cells[count, 1] = j if same_order else _CELLS - 1 - j
            cells[count, 2] = end - done
            count += 1
            done = end
        if end_p <= end_q:
            i += 1
        if end_q <= end_p:
            j += 1
    return count


@kernel
def _end(below, j, from_first):  # type: ignore[no-untyped-def]
    """Sum of the first or last j + 1 shares."""
    if from_first or j == _CELLS - 1:
        return below[j]
    return 1.0 - below[_CELLS - 2 - j]
