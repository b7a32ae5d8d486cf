"""How much of the sources' edges (strength and direction) the fused image keeps: Qabf's sums.

With E = e^(cθ), c = 44/π, the factor e^(−22(α−0.8)) of a pair of pixels is e^(−4.4) times the larger
E over the smaller, since α = 1 − |θX−θF|/(π/2): exponential and arc tangent are evaluated once per
pixel and image, together, as a polynomial of tan θ after θ is turned into −π/16..π/16.
"""

from __future__ import annotations

import math

import numpy as np

from ivif_bench.compiled.jit import kernel
from ivif_bench.tasks.quality.kernels.windows import typed
from ivif_bench.tasks.quality.shared import Shared

# Xydeas and Petrović's constants: gain, slope and centre for strength (g) and direction (a).
TG, KG, DG = 0.9994, -15.0, 0.5
TA, KA, DA = 0.9879, -22.0, 0.8

_SLOPE = -KA / (math.pi / 2)  # c
_STRONGEST = 2.9  # from there on 1 + e^(−15(G−0.5)) is 1 in float64
# 0, 1, that limit, the product of the gains, and e^(−22(α−0.8)) of equal directions.
_NUMBERS = (0.0, 1.0, _STRONGEST, TG * TA, math.exp(KA * (1.0 - DA)))
# tan φ, e^(cφ) and e^(−cφ) for φ = π/4, π/8, π/16, by which directions are turned.
_TURNS = tuple(
    value
    for n in (4, 8, 16)
    for value in (
        math.tan(math.pi / n),
        math.exp(_SLOPE * math.pi / n),
        math.exp(-_SLOPE * math.pi / n),
    )
)

# e^(c atan(x) / 4) for |x| <= tan(π/16), and e^(−15(g−0.5) / 64) for 0 <= g <= 2.9: polynomials
# through Chebyshev points, computed with 50 digits, highest power first; errors below 6e-16.
_DIRECTION = (
    -0.9149529587658699,
    -0.44981611378527736,
    1.0810125997526796,
    0.8758629257158693,
    -1.00832512707231,
    -1.4064456635729872,
    0.6855532219871028,
    2.0581892915428495,
    0.14807701387972524,
    -2.6578409812971144,
    -2.0685452851151327,
    2.176055850984055,
    5.987329139091355,
    6.129931610361548,
    3.501408748021697,
    1.0,
)
_STRENGTH = (
    1.1058502111304135e-13,
    -6.324047176899176e-12,
    2.528126474294991e-10,
    -8.663888386525309e-09,
    2.5883466733658314e-07,
    -6.626265096940617e-06,
    0.0001413604033590536,
    -0.002412550924522201,
    0.030880651844938645,
    -0.2635148957448517,
    1.1243302218447506,
)


def edges(shared: Shared) -> tuple[float, float]:
    """Part: Σ(Q_A gA + Q_B gB) and Σ(gA + gB) over all pixels; per pixel in float32 if fast."""
    dtype = np.float32 if shared.fast else np.float64
    formula = tuple(typed(part, dtype) for part in (_NUMBERS, _TURNS, _DIRECTION, _STRENGTH))
    lines = np.zeros((7, shared.shape[1]), dtype)
    kept, present = _edges(shared.infrared, shared.visible, shared.fused, lines, *formula)
    return float(kept.sum()), float(present.sum())


@kernel
def _edges(a, b, f, lines, numbers, turns, direction, strength):  # type: ignore[no-untyped-def]
    rows, columns = f.shape
    kept, present = np.zeros(columns), np.zeros(columns)  # per column: loops over them vectorise
    smooth, step = np.zeros(columns + 2, np.float32), np.zeros(columns + 2, np.float32)
    black = np.zeros(columns, np.uint8)
    ga, gb, gf, ea, eb, ef = lines[0], lines[1], lines[2], lines[3], lines[4], lines[5]
    both = lines[6]
    for i in range(rows):
        for image, g, e in ((a, ga, ea), (b, gb, eb), (f, gf, ef)):
            above = image[i - 1] if i > 0 else black
            below = image[i + 1] if i < rows - 1 else black
            _sobel_line(above, image[i], below, smooth, step, turns, direction, g, e)
        both[:] = 0
        _keep_line(ga, ea, gf, ef, numbers, strength, both)
        _keep_line(gb, eb, gf, ef, numbers, strength, both)
        for j in range(columns):
            kept[j] += both[j]
            present[j] += ga[j] + gb[j]
    return kept, present


@kernel
def _sobel_line(above, row, below, smooth, step, turns, direction, g, e):  # type: ignore[no-untyped-def]
    """Strength g and e^(cθ) of one row. Outside the image there are zeros, also in smooth, step.

    Gradients and their squares are whole numbers below 2^24: float32 holds them exactly.
    """
    for j in range(row.size):
        x, y, z = np.float32(above[j]), np.float32(row[j]), np.float32(below[j])
        smooth[j + 1] = (x + z) + (y + y)
        step[j + 1] = x - z
    t4, more4, less4, t8, more8, less8, t16, more16, less16 = turns
    number = g.dtype.type
    zero, one = number(0), number(1)
    for j in range(row.size):
        sx = number(smooth[j + 2] - smooth[j])  # right minus left
        sy = number((step[j] + step[j + 2]) + (step[j + 1] + step[j + 1]))  # above minus below
        g[j] = math.sqrt(sx * sx + sy * sy)
        # θ = atan(sy/sx) is the angle of (x, y); of (0, 1) where sx is 0, whatever sy.
        x, y = abs(sx), (-sy if sx < zero else sy)
        y = one if sx == zero else y
        up = y >= zero
        t, turn = (t4, more4) if up else (-t4, less4)
        x, y = x + t * y, y - t * x
        up = y >= zero
        t, more = (t8, more8) if up else (-t8, less8)
        x, y, turn = x + t * y, y - t * x, turn * more
        up = y >= zero
        t, more = (t16, more16) if up else (-t16, less16)
        x, y, turn = x + t * y, y - t * x, turn * more
        root = _horner(direction, y / x)
        root *= root
        e[j] = turn * (root * root)


@kernel
def _keep_line(gx, ex, gf, ef, numbers, strength, kept):  # type: ignore[no-untyped-def]
    """Add Q_X gX of one row to ``kept``."""
    zero, one, strongest, gain, aligned = numbers
    for j in range(gx.size):
        low, high = min(gx[j], gf[j]), max(gx[j], gf[j])
        # For equal strengths the published code compares with gF itself, not with 1.
        equal = min(gf[j], strongest)
        s = _horner(strength, equal if gx[j] == gf[j] else low / (high if high > zero else one))
        s *= s
        s *= s
        s *= s
        s *= s
        s *= s
        near, far = min(ex[j], ef[j]), max(ex[j], ef[j])
        kept[j] += gain * gx[j] * near / ((one + s * s) * (near + aligned * far))


@kernel
def _horner(coefficients, x):  # type: ignore[no-untyped-def]
    value = coefficients[0]
    for k in range(1, len(coefficients)):
        value = value * x + coefficients[k]
    return value
