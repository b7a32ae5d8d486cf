"""MUFusion: one network for two sources, run on overlapping patches in double precision.

Cheng, Xu, Wu: "MUFusion: A general unsupervised image fusion network based on memory unit", Information
Fusion 92, 2023. The memory unit acts in training only. A patch has 128x128 pixels, so both sides of a
pair must have at least as many. The authors stretch every gray result from its minimum to its maximum,
and do not stretch colour. TNO and RoadScene have weights of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from ivif_bench.data.images import rgb_of
from ivif_bench.fusion import MethodSpec, Recipe
from ivif_bench.fusion_models.compared.colour import mufusion_join, mufusion_split
from ivif_bench.fusion_models.compared.declared import Paper, method_spec
from ivif_bench.fusion_models.compared.keyed import Seen, Tensors, conv_of, unseen
from ivif_bench.fusion_models.compared.layers import conv_shapes
from ivif_bench.fusion_models.compared.method import ComparedMethod, ComparedOptions
from ivif_bench.fusion_models.compared.saving import round_half_even, scipy_stretch
from ivif_bench.fusion_models.compared.weights import Shapes, convert
from ivif_bench.types import StoredImage

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 128  # of a patch
STEP = 124  # between patches


class MUFusionOptions(ComparedOptions):
    """Options of MUFusion."""

    reading: ClassVar[str] = "PIL-L"

    colour: Literal["none", "restored"] = Field(
        "none",
        description="colour of the result: none, or the visible image's, as the authors' script for "
        "colour pictures restores it, without a stretch",
    )

    def recipe(self) -> Recipe:
        gray = self.colour == "none"
        saved = self.saved_by("stretched from minimum to maximum" if gray else "clipped, rounded")
        text = f"gray by {self.gray_reading if gray else 'Y'}, patches of {SIDE}, {saved}"
        return Recipe(text, gray and self.output == "published")


_PAPER = Paper(
    "cheng2023mufusion",
    "Cheng, Chunyang and Xu, Tianyang and Wu, Xiao-Jun",
    "{MUFusion}: A general unsupervised image fusion network based on memory unit",
    "Information Fusion",
    2023,
    "92",
    "80-92",
)
_FILES = {  # commit that added it, sha256
    "TNO": ("ac52204", "5d96ad1812c61e005edb439c85e341bac91c7bf275f1a41cd20a0a62769b2dbb"),
    "RoadScene": ("3a1f494", "8c358e4869092fb0bb553947674ee1b04bfffe06eb200354c3a62ee005f093fd"),
}


def _spec(name: str, entry: str, title: str, file: str) -> MethodSpec:
    commit, sha256 = _FILES[file]
    return method_spec(
        __name__,
        name,
        entry,
        title,
        MUFusionOptions,
        _PAPER,
        repository="github.com/AWCXV/MUFusion",
        commit=commit,
        licence="MIT",
        original=f"{name}.model",
        sha256=sha256,
        path=f"ir_vis/models/{file}.model",
        parameters=554_721,
        seconds=36.0,
        smallest=SIDE,
        alternative="laplacian-stretched",
    )


SPECS = (
    _spec("mufusion", "MUFusion", "MUFusion", "TNO"),
    _spec("mufusion-roadscene", "MUFusionRoadScene", "MUFusion (RoadScene)", "RoadScene"),
)

# Number of a layer, channels in and out.
_ENCODER = ((1, 2, 32), (2, 32, 32), (3, 64, 64), (4, 64, 64), (5, 128, 64), (6, 192, 64))
_DECODER = ((66, 64, 64), (55, 128, 64), (44, 128, 64), (33, 128, 64), (22, 96, 32), (11, 64, 1))


def shapes() -> Shapes:
    """Every tensor of the file."""
    found: dict[str, tuple[int, ...]] = {}
    for number, inputs, outputs in (*_ENCODER, *_DECODER):
        found |= conv_shapes(f"conv{number}.1", inputs, outputs, 3)
    return found


def network(tensors: Tensors, infrared: Tensor, visible: Tensor, seen: Seen = unseen) -> Tensor:
    """The generator, for one patch.

    Args:
        infrared, visible: gray [N, 1, H, W] in [0, 1]; H and W even, at least 4.
        seen: called with each recorded step.

    Returns:
        [N, 1, H, W] in [-1, 1].
    """
    import torch
    from torch.nn.functional import interpolate

    def block(name: str, *parts: Tensor, stride: int = 1) -> Tensor:
        x = conv_of(tensors, f"{name}.1", torch.cat(parts, 1), "reflect", stride=stride).relu()
        seen(name, x)
        return x

    first = block("conv1", infrared, visible)
    second = block("conv2", first)
    third = block("conv3", first, second, stride=2)
    fourth = block("conv4", third)
    fifth = block("conv5", third, fourth)
    x = block("conv6", third, fourth, fifth)
    x = block("conv66", x)
    x = block("conv55", fifth, x)
    x = block("conv44", fourth, x)
    x = block("conv33", third, x)
    x = interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)
    x = block("conv22", second, x)
    return conv_of(tensors, "conv11.1", torch.cat((first, x), 1), "reflect").tanh()


def corners(height: int, width: int) -> list[tuple[int, int]]:
    """Top left corners of the patches, in the authors' order; some patches occur twice."""
    rows = range(0, height - SIDE + 1, STEP)
    columns = range(0, width - SIDE + 1, STEP)
    bottom, right = height - SIDE, width - SIDE
    inside = [(row, column) for row in rows for column in columns]
    borders = [(row, right) for row in rows] + [(bottom, column) for column in columns]
    return [*inside, *borders, (bottom, right)]


def patched(tensors: Tensors, infrared: Tensor, visible: Tensor) -> Tensor:
    """``network`` on every patch, averaged where patches overlap; [1, 1, H, W], sides >= ``SIDE``."""
    import torch

    total, count = torch.zeros_like(infrared), torch.zeros_like(infrared)
    for row, column in corners(*infrared.shape[-2:]):
        patch = (..., slice(row, row + SIDE), slice(column, column + SIDE))
        total[patch] += network(tensors, infrared[patch], visible[patch])
        count[patch] += 1
    return total / count


def convert_file(source: Path, target: Path) -> None:
    """The authors' file as safetensors; errors as ``load``."""
    convert(source, target, shapes(), "mufusion")


class MUFusion(ComparedMethod):
    """MUFusion with the weights for TNO; its options are ``MUFusionOptions``."""

    name = "mufusion"
    model = MUFusionOptions

    def shapes(self) -> Shapes:
        return shapes()

    def loaded(self) -> dict[str, Tensor]:
        return {name: value.double() for name, value in super().loaded().items()}

    def picture(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        restored = self.options.colour == "restored"
        ycbcr = mufusion_split(rgb_of(visible).astype(np.float32) / 255)
        levels = self.read(infrared), ycbcr[..., 0] * 255 if restored else self.read(visible)
        first, second = (self.tensor(one.astype(np.float64) / 255) for one in levels)
        fused = patched(self.tensors, first, second)[0, 0].cpu().numpy()
        if not restored:
            return self.saved(fused, scipy_stretch, fused)
        ycbcr[..., 0] = fused
        rgb = mufusion_join(ycbcr)
        return self.saved(rgb, round_half_even, rgb)


class MUFusionRoadScene(MUFusion):
    """MUFusion with the weights for RoadScene; its options are ``MUFusionOptions``."""

    name = "mufusion-roadscene"
