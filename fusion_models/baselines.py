"""Baselines: the sources themselves, pixel rules, and the Laplacian pyramid.

``visible`` and ``infrared`` are rows of every table, because a fused image must beat both sources.
The pixel rules work on the visible image's luma (BT.601) and give gray.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from pydantic import Field

from ivif_bench.fusion import FusionMethod, MethodSpec
from ivif_bench.options import Options
from ivif_bench.validation import checked

if TYPE_CHECKING:
    from torch import Tensor


class LaplacianOptions(Options):
    """Options of the Laplacian pyramid."""

    levels: int = Field(
        4, ge=1, description="detail levels; fewer if an image is too small for them"
    )


_NO_WEIGHTS = "code Apache-2.0, no weights"
_SECONDS = 0.2  # reading, checking and writing included

SPECS = (
    MethodSpec(
        name="visible",
        entry="Visible",
        title="Visible",
        paper="none: the visible image itself",
        licence=_NO_WEIGHTS,
        seconds=_SECONDS,
        output="rgb",
        source=True,
    ),
    MethodSpec(
        name="infrared",
        entry="Infrared",
        title="Infrared",
        paper="none: the infrared image itself, as three equal channels",
        licence=_NO_WEIGHTS,
        seconds=_SECONDS,
        output="rgb",
        source=True,
    ),
    MethodSpec(
        name="average",
        entry="Average",
        title="Average",
        paper="none: (infrared + luma) / 2",
        licence=_NO_WEIGHTS,
        seconds=_SECONDS,
    ),
    MethodSpec(
        name="max",
        entry="Maximum",
        title="Maximum",
        paper="none: max(infrared, luma) per pixel",
        licence=_NO_WEIGHTS,
        seconds=_SECONDS,
    ),
    MethodSpec(
        name="laplacian",
        entry="LaplacianPyramid",
        title="Laplacian pyramid",
        paper="Burt and Kolczynski 1993; pyramid of Burt and Adelson, IEEE Trans. Commun. 1983",
        licence=_NO_WEIGHTS,
        seconds=_SECONDS,
        options=LaplacianOptions,
    ),
)


def luma(rgb: Tensor) -> Tensor:
    """Y = 0.299 R + 0.587 G + 0.114 B; [N, 3, H, W] -> [N, 1, H, W]."""
    return 0.299 * rgb[:, 0:1] + 0.587 * rgb[:, 1:2] + 0.114 * rgb[:, 2:3]


class Visible(FusionMethod):
    """The visible image, in colour."""

    def fuse(self, infrared: Tensor, visible: Tensor, seeds: Sequence[int]) -> Tensor:
        return visible.clone()


class Infrared(FusionMethod):
    """The infrared image as three equal channels, so that no task adds the visible's colour."""

    def fuse(self, infrared: Tensor, visible: Tensor, seeds: Sequence[int]) -> Tensor:
        return infrared.repeat(1, 3, 1, 1)


class Average(FusionMethod):
    """Mean of infrared and luma."""

    def fuse(self, infrared: Tensor, visible: Tensor, seeds: Sequence[int]) -> Tensor:
        return (infrared + luma(visible)) / 2


class Maximum(FusionMethod):
    """The brighter of infrared and luma, pixel by pixel."""

    def fuse(self, infrared: Tensor, visible: Tensor, seeds: Sequence[int]) -> Tensor:
        return infrared.maximum(luma(visible))


class LaplacianPyramid(FusionMethod):
    """Laplacian pyramid: the stronger detail at every level, the mean of the coarsest level.

    Args:
        **options: see ``LaplacianOptions``.
    """

    def __init__(self, **options: Any) -> None:
        self.options = checked(LaplacianOptions, options, "laplacian")

    def fuse(self, infrared: Tensor, visible: Tensor, seeds: Sequence[int]) -> Tensor:
        import torch

        pairs = zip(infrared[:, 0].numpy(), luma(visible)[:, 0].numpy(), strict=True)
        fused = np.stack([self._fuse_one(first, second) for first, second in pairs])
        return torch.from_numpy(fused)[:, None].clamp(0, 1)

    def _fuse_one(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        details_a, base_a = _laplacian(first, self.options.levels)
        details_b, base_b = _laplacian(second, self.options.levels)
        image: np.ndarray = (base_a + base_b) / 2
        for a, b in zip(reversed(details_a), reversed(details_b), strict=True):
            stronger = np.where(np.abs(a) >= np.abs(b), a, b)
            image = cv2.pyrUp(image, dstsize=(stronger.shape[1], stronger.shape[0])) + stronger
        return image


def _laplacian(image: np.ndarray, levels: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Detail levels from fine to coarse, and the coarsest image; float32 [H, W]."""
    details = []
    for _ in range(levels):
        if min(image.shape) < 4:
            break
        smaller = cv2.pyrDown(image)
        details.append(image - cv2.pyrUp(smaller, dstsize=(image.shape[1], image.shape[0])))
        image = smaller
    return details, image
