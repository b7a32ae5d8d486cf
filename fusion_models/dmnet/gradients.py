"""Edge strength |grad I| of Eq. 19 by the four operators of the paper's Table VI.

All take and give [N, 1, H, W], borders padded with zeros as in the public losses the paper builds
on, except that Canny's and LoG's smoothing repeats the border. All are differentiable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from ivif_bench.fusion_models.dmnet.recipes import Operator
from ivif_bench.fusion_models.training.measures import sobel, sobel_pair

_ROBERTS = (((1.0, 0.0), (0.0, -1.0)), ((0.0, 1.0), (-1.0, 0.0)))

LOG_SIGMA = 1.0  # of the Gaussian in LoG, pixels
CANNY_SIGMA = 1.0
CANNY_LOW, CANNY_HIGH = 0.1, 0.2  # of the Sobel magnitude of an image in [0, 1], which reaches 4
CANNY_SOFTNESS = 0.02  # width of the soft decisions, in the same unit


def roberts(image: Tensor) -> Tensor:
    """|g1| + |g2| with the 2x2 Roberts cross; a pixel reads its right and lower neighbours."""
    kernels = torch.tensor(_ROBERTS, dtype=image.dtype, device=image.device)[:, None]
    first, second = functional.conv2d(functional.pad(image, (0, 1, 0, 1)), kernels).chunk(2, dim=1)
    return first.abs() + second.abs()


def laplacian_of_gaussian(image: Tensor) -> Tensor:
    """|LoG * I|, sigma 1 pixel; kernel 9x9, sampled and shifted to sum 0, so flat areas give 0."""
    radius = math.ceil(4 * LOG_SIGMA)
    at = torch.arange(-radius, radius + 1, dtype=torch.float64)
    square = at[:, None] ** 2 + at[None, :] ** 2
    scaled = square / (2 * LOG_SIGMA**2)
    kernel = -(1 - scaled) * (-scaled).exp() / (math.pi * LOG_SIGMA**4)
    kernel = (kernel - kernel.mean()).to(image)
    padded = functional.pad(image, (radius,) * 4, mode="replicate")
    return functional.conv2d(padded, kernel[None, None]).abs()


def canny(image: Tensor) -> Tensor:
    """Canny's edges with soft thresholds: strength where there is an edge, near 0 elsewhere.

    The paper gives neither thresholds nor a differentiable form; this one is ours. Gaussian
    smoothing, Sobel magnitude m = sqrt(gx^2 + gy^2), then m s(m - n) s(m - t), where
    s(x) = sigmoid(x / 0.02); n is the larger of the two neighbours along the gradient's direction
    (thinning; quarters of a half turn); t is the low threshold where a pixel of the 3x3
    neighbourhood passes the high one, else the high one (one step of hysteresis). n, t and the
    direction count as constants in the derivative. As the softness goes to 0 this becomes Canny's
    decision, times the magnitude.
    """
    padded = functional.pad(_smooth(image, CANNY_SIGMA), (1, 1, 1, 1), mode="replicate")
    gx, gy = sobel_pair(padded)
    magnitude = (gx**2 + gy**2 + 1e-12).sqrt()
    with torch.no_grad():
        rival = _rival(magnitude, gx, gy)
        strongest = functional.max_pool2d(magnitude, 3, stride=1, padding=1)
        threshold = torch.where(strongest >= CANNY_HIGH, CANNY_LOW, CANNY_HIGH)
    thin = ((magnitude - rival) / CANNY_SOFTNESS).sigmoid()
    strong = ((magnitude - threshold) / CANNY_SOFTNESS).sigmoid()
    return magnitude * thin * strong


def _rival(magnitude: Tensor, gx: Tensor, gy: Tensor) -> Tensor:
    """The larger of the two neighbours of each pixel along its gradient's direction."""
    # gy points up (first kernel row is +), rows count downwards: turn it.
    sector = (torch.atan2(-gy, gx) / (math.pi / 4)).round().long() % 4
    around = functional.pad(magnitude, (1, 1, 1, 1))
    height, width = magnitude.shape[2:]

    def shifted(dy: int, dx: int) -> Tensor:
        return around[:, :, 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]

    offsets = ((0, 1), (1, 1), (1, 0), (1, -1))  # along 0, 45, 90 and 135 degrees, downwards
    choices = [shifted(dy, dx).maximum(shifted(-dy, -dx)) for dy, dx in offsets]
    return torch.stack(choices).gather(0, sector[None])[0]


def _smooth(image: Tensor, sigma: float) -> Tensor:
    radius = math.ceil(3 * sigma)
    at = torch.arange(-radius, radius + 1, dtype=torch.float64)
    line = (-(at**2) / (2 * sigma**2)).exp()
    line = (line / line.sum()).to(image)
    padded = functional.pad(image, (radius,) * 4, mode="replicate")
    rows = functional.conv2d(padded, line[None, None, None, :])
    return functional.conv2d(rows, line[None, None, :, None])


OPERATORS: Mapping[Operator, Callable[[Tensor], Tensor]] = {
    "sobel": sobel,
    "canny": canny,
    "log": laplacian_of_gaussian,
    "roberts": roberts,
}
