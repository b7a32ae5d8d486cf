"""The chain at a fraction of the size, with the EM step exact at full size (``ddfm-lite``).

For any estimate of the prior, the EM step returns a blend of the two sources, pixel by pixel. So the
small estimate is interpreted as a blend, which can be enlarged to full size without blur: around each
small pixel, the weight of ``a - b`` that fits the estimate best by least squares, interpolated, times
the full-size difference (guided upsampling)::

    d = mean of (f_small - m_small) (a - b)_small  /  (mean of (a - b)_small^2 + DAMPING)
    f = (a + b) / 2 + enlarged d (a - b),           m = (a + b) / 2

The means run over a window. The EM step runs on f with the full-size sources, and the chain continues
with its result, downscaled by area means. For two equal sources f equals them.

Source: this project. The local linear fit is that of He et al., Guided image filtering, ECCV 2010,
with the sources' difference as the guide and no free offset; joint upsampling is Kopf et al.,
Joint bilateral upsampling, SIGGRAPH 2007.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from ivif_bench.fusion_models.ddfm.em import Rectifier

RADIUS = 4
"""Of the window, in pixels of the chain; 9 x 9 of them are averaged."""

DAMPING = 0.1
"""Square of a difference of the sources, in [-1, 1]: below about 40 levels the estimate has less weight."""


class Reduced:
    """A rectification at full size for a chain at 1/scale of it.

    Args:
        inner: the rectification at full size, fresh.
        a, b: sources, float32 [N, 1, H, W] in [-1, 1], H and W multiples of ``scale``.
        scale: full size over the size of the chain.

    Attributes:
        fused: result of the last step at full size, [N, 1, H, W]; (a + b) / 2 before.
    """

    def __init__(self, inner: Rectifier, a: Tensor, b: Tensor, scale: int) -> None:
        self.inner = inner
        self.scale = scale
        self.middle, self.difference = (a + b) / 2, a - b
        self.fused = self.middle
        self._middle, self._difference = self._reduced(self.middle), self._reduced(self.difference)
        self._energy = windowed(self._difference.square()).add_(DAMPING)

    def step(self, f: Tensor) -> Tensor:
        """One step at full size; ``f`` and the result have the chain's size, [N, 1, H, W]."""
        self.fused = self.inner.step(self.enlarged(f))
        return self._reduced(self.fused)

    def enlarged(self, f: Tensor) -> Tensor:
        """An estimate of the chain's size as a blend of the full-size sources."""
        weight = windowed((f - self._middle).mul_(self._difference)).div_(self._energy)
        weight = interpolate(weight, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return weight.mul_(self.difference).add_(self.middle)

    def _reduced(self, image: Tensor) -> Tensor:
        return avg_pool2d(image, self.scale)


def windowed(image: Tensor) -> Tensor:
    """Means over the window around each pixel, as far as it lies in the image; same shape."""
    return avg_pool2d(image, 2 * RADIUS + 1, 1, RADIUS, count_include_pad=False)
