"""U2Fusion: one dense network for several kinds of fusion, here for infrared and visible pairs.

Xu, Ma, Jiang, Guo, Ling: "U2Fusion: A Unified Unsupervised Image Fusion Network", IEEE Transactions on
Pattern Analysis and Machine Intelligence 44(1), 2022. Three programs run the same weights in three ways,
which differ by 7 to 22 gray levels on average; the option ``convention`` names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from ivif_bench.fusion import Recipe
from ivif_bench.fusion_models.compared.colour import (
    pillow_join,
    pillow_split,
    u2fusion_join,
    u2fusion_split,
)
from ivif_bench.fusion_models.compared.declared import Paper, method_spec
from ivif_bench.fusion_models.compared.layers import tf_conv
from ivif_bench.fusion_models.compared.method import ComparedMethod, ComparedOptions
from ivif_bench.fusion_models.compared.saving import (
    round_half_even,
    scale_from_zero,
    scipy_stretch,
)
from ivif_bench.fusion_models.compared.weights import Shapes, convert
from ivif_bench.types import StoredImage

if TYPE_CHECKING:
    from torch import Tensor


class U2FusionOptions(ComparedOptions):
    """Options of U2Fusion."""

    convention: Literal["authors-2019", "authors-2023", "vif-benchmark"] = Field(
        "authors-2019",
        description="visible first, stretched from minimum to maximum (the authors until November "
        "2023; reproduces their RoadScene images); visible first, scaled so that the maximum is 255 (the "
        "authors since); or infrared first, stretched (VIF-Benchmark; reproduces its 42 TNO images)",
    )
    colour: Literal["none", "restored"] = Field(
        "none",
        description="colour of the result where the visible file alone has colour: none, as in the "
        "authors' first program and all published images, or restored as in their program since 2022 "
        "(by Pillow's conversion in VIF-Benchmark)",
    )

    @property
    def gray_reading(self) -> str:
        if self.gray == "luma":
            return "luma"
        return "PIL-L" if self.convention == "vif-benchmark" else "Y"

    def recipe(self) -> Recipe:
        first = "infrared" if self.convention == "vif-benchmark" else "visible"
        scaled = self.convention == "authors-2023"
        saved = self.saved_by("scaled from 0 to maximum" if scaled else _STRETCHED)
        text = f"{first} first, gray by {self.gray_reading}, {saved}"
        return Recipe(text, self.output == "published")


_STRETCHED = "stretched from minimum to maximum"
SPECS = (
    method_spec(
        __name__,
        "u2fusion",
        "U2Fusion",
        "U2Fusion",
        U2FusionOptions,
        Paper(
            "xu2022u2fusion",
            "Xu, Han and Ma, Jiayi and Jiang, Junjun and Guo, Xiaojie and Ling, Haibin",
            "{U2Fusion}: A Unified Unsupervised Image Fusion Network",
            "IEEE Transactions on Pattern Analysis and Machine Intelligence",
            2022,
            "44(1)",
            "502-518",
        ),
        repository="github.com/hanna-xu/U2Fusion",
        commit="0a58821",
        licence="none",
        original="u2fusion/model.ckpt.index",
        sha256="15b7d283a1de8f616cc42978346bd24d47a9c380d624370368b956beb593014e",
        path="model/model.ckpt.index",
        data_sha256="e50cada8d4ec92f2577ad5db5d212fba521dffb35d04e00a20364b43512c64c8",
        parameters=659_217,
        seconds=18.0,
        smallest=2,
        alternative="laplacian-stretched",
    ),
)

# Name, channels in and out; all 3x3.
_ENCODER = (
    ("conv1_1", 2, 44),
    *((f"dense_block_conv{number}", 44 * number, 44) for number in range(1, 6)),
)
_DECODER = (("conv2_1", 264, 128), ("conv2_2", 128, 64), ("conv2_3", 64, 32), ("conv2_4", 32, 1))
_SCOPES = (("Generator/encoder", _ENCODER), ("Generator_1/decoder", _DECODER))


def shapes() -> Shapes:
    """Every tensor of the checkpoint; a kernel is [3, 3, in, out]."""
    found: dict[str, tuple[int, ...]] = {}
    for scope, layers in _SCOPES:
        for name, inputs, outputs in layers:
            found[f"{scope}/{name}/kernel"] = (3, 3, inputs, outputs)
            found[f"{scope}/{name}/bias"] = (outputs,)
    return found


def convert_file(source: Path, target: Path) -> None:
    """The authors' checkpoint, by its index or prefix, as safetensors; errors as ``load``."""
    convert(source, target, shapes(), "u2fusion")


def network(tensors: Mapping[str, Tensor], first: Tensor, second: Tensor) -> Tensor:
    """[N, 1, H, W] in 0..1 each -> [N, 1, H, W] in (0, 1)."""
    import torch
    from torch.nn.functional import leaky_relu

    def layer(x: Tensor, scope: str, name: str) -> Tensor:
        kernel, bias = tensors[f"{scope}/{name}/kernel"], tensors[f"{scope}/{name}/bias"]
        return tf_conv(x, kernel, bias, "reflect")

    (encoder, _), (decoder, _) = _SCOPES
    x = leaky_relu(layer(torch.cat([first, second], 1), encoder, "conv1_1"), 0.2)
    for name, *_ in _ENCODER[1:]:
        x = torch.cat([leaky_relu(layer(x, encoder, name), 0.2), x], 1)
    for name, *_ in _DECODER[:-1]:
        x = leaky_relu(layer(x, decoder, name), 0.2)
    return torch.tanh(layer(x, decoder, _DECODER[-1][0])) / 2 + 0.5


class U2Fusion(ComparedMethod):
    """U2Fusion; its options are ``U2FusionOptions``."""

    name = "u2fusion"
    model = U2FusionOptions
    restores_colour = True

    def shapes(self) -> Shapes:
        return shapes()

    def picture(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        sides = list(self.units(visible, infrared))
        by_others = self.options.convention == "vif-benchmark"
        out = network(self.tensors, *(reversed(sides) if by_others else sides))[0, 0].cpu().numpy()
        rule = scale_from_zero if self.options.convention == "authors-2023" else scipy_stretch
        if self.options.colour == "none" or infrared.pixels.ndim == 3 or visible.pixels.ndim == 2:
            return self.saved(out, rule, out)
        rgb = visible.pixels[:, :, :3]
        if by_others:  # the saved gray result becomes the luma
            levels = self.saved(out, rule, round_half_even(out))
            return pillow_join(np.dstack([levels, pillow_split(rgb)[:, :, 1:]]))
        chroma = u2fusion_split(rgb.astype(np.float32) / 255)[:, :, 1:]
        coloured = u2fusion_join(np.dstack([out, chroma]))  # scaled together afterwards
        return self.saved(coloured, rule, coloured)
