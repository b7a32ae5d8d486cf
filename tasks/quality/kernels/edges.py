"""How much of the sources' edges (strength and direction) the fused image keeps: Qabf's sums."""

from __future__ import annotations

import math

import numpy as np

from tasks.quality.kernels.jit import kernel
from tasks.quality.shared import Shared

# Xydeas and Petrović's constants: gain, slope and centre for strength (g) and direction (a).
TG, KG, DG = 0.9994, -15.0, 0.5
TA, KA, DA = 0.9879, -22.0, 0.8

_HALF_PI = math.pi / 2
_PI_8, _TAN_PI_8 = math.pi / 8, math.tan(math.pi / 8)
_TAN_PI_16, _TAN_3PI_16 = math.tan(math.pi / 16), math.tan(3 * math.pi / 16)


def edges(shared: Shared) -> tuple[float, float]:
    """Part: Σ(Q_A gA + Q_B gB) and Σ(gA + gB) over all pixels."""
    kept, present = _edges(shared.infrared, shared.visible, shared.fused)
    return float(kept.sum()), float(present.sum())


@kernel
def _edges(a, b, f):  # type: ignore[no-untyped-def]
    rows, columns = f.shape
    kept, present = np.zeros(columns), np.zeros(columns)  # per column: loops over them vectorise
    g = np.empty((3, columns))
    angle = np.empty((3, columns))
    smooth, step = np.empty(columns + 2), np.empty(columns + 2)
    for i in range(rows):
        _sobel_line(a, i, smooth, step, g[0], angle[0])
        _sobel_line(b, i, smooth, step, g[1], angle[1])
        _sobel_line(f, i, smooth, step, g[2], angle[2])
        _keep_line(g[0], angle[0], g[2], angle[2], kept, present)
        _keep_line(g[1], angle[1], g[2], angle[2], kept, present)
    return kept, present


@kernel
def _sobel_line(image, i, smooth, step, g, angle):  # type: ignore[no-untyped-def]
    """Sobel strength and direction of one row; outside the image there are zeros."""
    rows, columns = image.shape
    for j in range(columns + 2):
        smooth[j] = step[j] = 0.0
    row = image[i]
    for j in range(columns):
        smooth[j + 1] = 2.0 * row[j]
    if i > 0:
        above = image[i - 1]
        for j in range(columns):
            smooth[j + 1] += above[j]
            step[j + 1] += above[j]
    if i < rows - 1:
        below = image[i + 1]
        for j in range(columns):
            smooth[j + 1] += below[j]
            step[j + 1] -= below[j]
    for j in range(columns):
        sx = smooth[j + 2] - smooth[j]  # right minus left
        sy = step[j] + 2.0 * step[j + 1] + step[j + 2]  # above minus below
        g[j] = math.sqrt(sx * sx + sy * sy)
        # atan(sy/sx) by reduction to |x| < tan(π/16) and its series; libm's would not vectorise.
        steep, flat = abs(sy), abs(sx)
        low, high = min(steep, flat), max(steep, flat)
        t = 0.0 if low <= _TAN_PI_16 * high else (_TAN_PI_8 if low <= _TAN_3PI_16 * high else 1.0)
        base = 0.0 if t == 0.0 else (_PI_8 if t < 1.0 else 2.0 * _PI_8)
        below_line = high + t * low
        x = (low - t * high) / (below_line if below_line > 0.0 else 1.0)
        theta = base + _arctan_series(x)
        theta = _HALF_PI - theta if steep > flat else theta
        theta = -theta if (sy < 0.0) != (sx < 0.0) else theta
        angle[j] = _HALF_PI if sx == 0.0 else theta


@kernel
def _keep_line(gx, angle_x, gf, angle_f, kept, present):  # type: ignore[no-untyped-def]
    for j in range(gx.size):
        low, high = min(gx[j], gf[j]), max(gx[j], gf[j])
        # For equal strengths the published code compares with gF itself, not with 1.
        strength = gf[j] if gx[j] == gf[j] else low / (high if high > 0.0 else 1.0)
        direction = 1.0 - abs(angle_x[j] - angle_f[j]) / _HALF_PI
        sigmoids = (1.0 + _exp(KG * (strength - DG))) * (1.0 + _exp(KA * (direction - DA)))
        kept[j] += TG * TA / sigmoids * gx[j]
        present[j] += gx[j]


@kernel
def _arctan_series(x):  # type: ignore[no-untyped-def]
    """atan x for |x| <= tan(π/16): the first term left out is below 2e-19."""
    z = x * x
    s = 1.0 / 25.0
    s = 1.0 / 23.0 - z * s
    s = 1.0 / 21.0 - z * s
    s = 1.0 / 19.0 - z * s
    s = 1.0 / 17.0 - z * s
    s = 1.0 / 15.0 - z * s
    s = 1.0 / 13.0 - z * s
    s = 1.0 / 11.0 - z * s
    s = 1.0 / 9.0 - z * s
    s = 1.0 / 7.0 - z * s
    s = 1.0 / 5.0 - z * s
    s = 1.0 / 3.0 - z * s
    return x - x * (z * s)


@kernel
def _exp(x):  # type: ignore[no-untyped-def]
    """e^x for x <= 40 to 2e-14, as (e^(x/128))^128; below −40 it stays at e^−40, nothing beside 1."""
    y = max(x, -40.0) * (1.0 / 128.0)
    e = 1.0 + y * (1.0 / 12.0)
    e = 1.0 + y * (1.0 / 11.0) * e
    e = 1.0 + y * (1.0 / 10.0) * e
    e = 1.0 + y * (1.0 / 9.0) * e
    e = 1.0 + y * (1.0 / 8.0) * e
    e = 1.0 + y * (1.0 / 7.0) * e
    e = 1.0 + y * (1.0 / 6.0) * e
    e = 1.0 + y * (1.0 / 5.0) * e
    e = 1.0 + y * (1.0 / 4.0) * e
    e = 1.0 + y * (1.0 / 3.0) * e
    e = 1.0 + y * (1.0 / 2.0) * e
    e = 1.0 + y * e
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    return e * e
