"""Baselines: the sources themselves, pixel rules, and the Laplacian pyramid.

``visible`` and ``infrared`` are rows of every table, because a fused image must beat both sources.
The pixel rules work on the visible image's luma (BT.601) and give gray. The stretched ones show what a
stretch alone adds to a score, beside published methods whose programs stretch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import cv2
import numpy as np
from pydantic import Field

from ivif_bench.fusion import FusionMethod, MethodOptions, MethodSpec, Recipe
from ivif_bench.options import Options
from ivif_bench.validation import checked

if TYPE_CHECKING:
    from torch import Tensor


class LaplacianOptions(Options):
    """Options of the Laplacian pyramid."""

    levels: int = Field(
        4, ge=1, description="detail levels; fewer if an image is too small for them"
    )


class StretchedOptions(MethodOptions):
    """Options of the stretched mean: none."""

    def recipe(self) -> Recipe:
        return Recipe(_STRETCHED, stretched=True)


class LaplacianStretchedOptions(StretchedOptions, LaplacianOptions):
    """Options of the stretched Laplacian pyramid."""


_STRETCHED = "stretched from minimum to maximum"
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
    MethodSpec(
        name="average-stretched",
        entry="AverageStretched",
        title="Average (stretched)",
        paper="none: 'average' with each result stretched from its minimum to its maximum",
        licence=_NO_WEIGHTS,
        seconds=_SECONDS,
        options=StretchedOptions,
    ),
    MethodSpec(
        name="laplacian-stretched",
        entry="LaplacianStretched",
        title="Laplacian pyramid (stretched)",
        paper="none: 'laplacian' with each result stretched from its minimum to its maximum",
        licence=_NO_WEIGHTS,
        seconds=_SECONDS,
        options=LaplacianStretchedOptions,
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


class AverageStretched(Average):
    """``Average``, each result stretched from its minimum to its maximum."""

    def __init__(self, **options: Any) -> None:
        self.options = checked(StretchedOptions, options, "average-stretched")

    def fuse(self, infrared: Tensor, visible: Tensor, seeds: Sequence[int]) -> Tensor:
        return stretched(super().fuse(infrared, visible, seeds))


class LaplacianPyramid(FusionMethod):
    """Laplacian pyramid: the stronger detail at every level, the mean of the coarsest level.

    Args:
        **options: see ``LaplacianOptions``.
    """

    name: ClassVar[str] = "laplacian"
    model: ClassVar[type[LaplacianOptions]] = LaplacianOptions

    def __init__(self, **options: Any) -> None:
        self.options = checked(self.model, options, self.name)

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


class LaplacianStretched(LaplacianPyramid):
    """``LaplacianPyramid``, each result stretched from its minimum to its maximum."""

    name = "laplacian-stretched"
    model = LaplacianStretchedOptions

    def fuse(self, infrared: Tensor, visible: Tensor, seeds: Sequence[int]) -> Tensor:
        return stretched(super().fuse(infrared, visible, seeds))


def stretched(images: Tensor) -> Tensor:
    """Every image from its own minimum to maximum over all its pixels; a constant one becomes 0.

    [N, C, H, W] in [0, 1].
    """
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    span = high - low
    return ((images - low) / span.where(span > 0, 1)).clamp(0, 1)


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
