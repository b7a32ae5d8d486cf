"""MEF-SSIM: the structure that both sources ask for in each window, against the fused image's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ivif_bench.tasks.quality.batched import FormSpec

if TYPE_CHECKING:
    from torch import Tensor

    from ivif_bench.tasks.quality.batched._batch import Batch

SPECS = (
    FormSpec(
        "ivif_bench.tasks.quality.kernels.mef_ssim:wanted_structure",
        "wanted_structure",
    ),
)

_SIDE = 11
_PIXELS = float(_SIDE * _SIDE)
_EPSILON = 2.0**-52
_FLAT = 0.001  # added to the strength of every window
_FULL_AGREEMENT = 2.0 / math.pi * math.atan(10.0)  # from here on the power is 10
_C = (0.03 * 255) ** 2


def wanted_structure(batch: Batch) -> list[tuple[float, float, float]]:
    """Mean similarity to the wanted structure at full, half and quarter size."""
    from ivif_bench.tasks.quality.batched._batch import planes

    a, b, f = batch.part(planes)
    means = []
    for scale in range(3):
        if scale > 0:
            a, b, f = _halve(a), _halve(b), _halve(f)
        means.append(_similarity(a, b, f).tolist())
    return list(zip(*means, strict=True))


def _halve(image: Tensor) -> Tensor:
    """2x2 means; the last line of an odd side is its own neighbour."""
    import torch

    rows, columns = image.shape[1:]
    odd = (0, columns % 2, 0, rows % 2)
    even = torch.nn.functional.pad(image[:, None], odd, mode="replicate")[:, 0]
    pairs = even[:, 0::2] + even[:, 1::2]
    return (pairs[:, :, 0::2] + pairs[:, :, 1::2]) / 4.0


def _similarity(a: Tensor, b: Tensor, f: Tensor) -> Tensor:
    """Mean of (2σ_rf+C)/(σ_r²+σ_f²+C) over the windows, r the wanted structure: [N]."""
    from ivif_bench.tasks.quality.batched._filters import window_mean
    from ivif_bench.tasks.quality.kernels.windows import gaussian_taps

    taps = gaussian_taps(_SIDE, 1.5).tolist()
    mean_a, mean_b, mean_f = (window_mean(plane, taps) for plane in (a, b, f))
    of_a, of_b = _mixture(a, b)
    wanted = of_a * of_a * (window_mean(a * a, taps) - mean_a * mean_a)
    wanted += of_b * of_b * (window_mean(b * b, taps) - mean_b * mean_b)
    wanted += 2.0 * of_a * of_b * (window_mean(a * b, taps) - mean_a * mean_b)
    shared = of_a * (window_mean(a * f, taps) - mean_a * mean_f)
    shared += of_b * (window_mean(b * f, taps) - mean_b * mean_f)
    variance_f = window_mean(f * f, taps) - mean_f * mean_f
    return ((2.0 * shared + _C) / (wanted + variance_f + _C)).mean(dim=(1, 2))


def _mixture(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Factors of the two sources in the wanted structure of every window."""
    import torch

    from ivif_bench.tasks.quality.batched._filters import window_mean

    # Whole numbers, quarters or sixteenths: sums and products of sums are exact, so that flat and
    # agreeing windows are found as such.
    ones = [1.0] * (_SIDE // 2 + 1)
    sa, sb = window_mean(a, ones), window_mean(b, ones)
    square_a = (_PIXELS * window_mean(a * a, ones) - sa * sa) / _PIXELS
    square_b = (_PIXELS * window_mean(b * b, ones) - sb * sb) / _PIXELS
    product = (_PIXELS * window_mean(a * b, ones) - sa * sb) / _PIXELS
    length_a, length_b = square_a.sqrt(), square_b.sqrt()
    both = (square_a + square_b + 2.0 * product).clamp(min=0.0).sqrt()
    agreement = ((both + _EPSILON) / (length_a + length_b + _EPSILON)).clamp(max=1.0)
    strength_a, strength_b = length_a + _FLAT, length_b + _FLAT
    weight_a = _power(strength_a / _SIDE, agreement) + _EPSILON
    weight_b = _power(strength_b / _SIDE, agreement) + _EPSILON
    of_a = weight_a / (weight_a + weight_b) / strength_a
    of_b = weight_b / (weight_a + weight_b) / strength_b
    square = of_a * of_a * square_a + of_b * of_b * square_b + 2.0 * of_a * of_b * product
    length = square.clamp(min=0.0).sqrt()
    scale = torch.where(length > 0.0, torch.maximum(strength_a, strength_b) / length, 0.0)
    return of_a * scale, of_b * scale


def _power(strength: Tensor, agreement: Tensor) -> Tensor:
    import torch

    power = torch.tan(0.5 * math.pi * agreement.clamp(max=_FULL_AGREEMENT))
    return strength ** torch.where(agreement < _FULL_AGREEMENT, power, 10.0)
