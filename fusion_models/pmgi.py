"""PMGI: a gradient path and an intensity path that exchange features twice, joined by a 1x1 convolution.

Zhang, Xu, Xiao, Guo, Ma: "Rethinking the Image Fusion: A Fast Unified Image Fusion Network based on
Proportional Maintenance of Gradient and Intensity", AAAI 2020. The authors' program normalises every layer
by the mean and variance of the picture at hand and restores no trained scale, so every pixel depends on
the whole picture; nothing is tiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ivif_bench.fusion_models.compared.declared import Paper, method_spec
from ivif_bench.fusion_models.compared.layers import batch_norm, tf_conv
from ivif_bench.fusion_models.compared.method import ComparedMethod, ComparedOptions
from ivif_bench.fusion_models.compared.saving import scipy_stretch
from ivif_bench.fusion_models.compared.weights import Shapes, convert
from ivif_bench.types import StoredImage

if TYPE_CHECKING:
    from torch import Tensor


class PMGIOptions(ComparedOptions):
    """Options of PMGI."""

    reading: ClassVar[str] = "Y1"
    saving: ClassVar[str] = "stretched from minimum to maximum"
    stretched: ClassVar[bool] = True


# It carries the authors' repository PMGI_AAAI2020.
_REPOSITORY = "github.com/thfylsty/Classic-and-state-of-the-art-image-fusion-methods"

SPECS = (
    method_spec(
        __name__,
        "pmgi",
        "PMGI",
        "PMGI",
        PMGIOptions,
        Paper(
            "zhang2020pmgi",
            "Zhang, Hao and Xu, Han and Xiao, Yang and Guo, Xiaojie and Ma, Jiayi",
            "Rethinking the Image Fusion: A Fast Unified Image Fusion Network based on Proportional "
            "Maintenance of Gradient and Intensity",
            "AAAI",
            2020,
            "34(7)",
            "12797-12804",
            proceedings="AAAI Conference on Artificial Intelligence",
        ),
        repository=_REPOSITORY,
        commit="5d9457d",
        licence="MIT",
        original="pmgi/CGAN.model-1.index",
        sha256="043868b3410d237300f80d1d023192f01bd5fd3d7360c2832ffdeb90c01939ea",
        data_sha256="005d29cd3fdbf3805369a8372ce3fb15190905db6aed7dee661880776b8cfccf",
        source="CGAN.model-1 for infrared and visible images in the authors' PMGI_AAAI2020, copied "
        f"in {_REPOSITORY} at 5d9457d",
        parameters=41_633,
        seconds=3.6,
        smallest=2,
        alternative="laplacian-stretched",
    ),
)

# Number of a layer, kernel, channels in and out; once for each path.
_LAYERS = (
    ("1", 5, 3, 16),
    ("2", 3, 16, 16),
    ("2_3", 1, 32, 16),
    ("3", 3, 48, 16),
    ("3_4", 1, 32, 16),
    ("4", 3, 64, 16),
)
_PATHS = ("", "_vi")  # gradients, intensities
_NORMS = r"fusion_model/layer[0-9_]+(vi)?/BatchNorm/(beta|gamma|moving_mean|moving_variance)"


def shapes() -> Shapes:
    """The tensors that are used; a kernel is [k, k, in, out]."""
    found: dict[str, tuple[int, ...]] = {}
    for number, kernel, inputs, outputs in _LAYERS:
        for path in _PATHS:
            scope = f"fusion_model/layer{number}{path}"
            found[f"{scope}/w{number}{path}"] = (kernel, kernel, inputs, outputs)
            found[f"{scope}/b{number}{path}"] = (outputs,)
    return found | {"fusion_model/layer5/w5": (1, 1, 128, 1), "fusion_model/layer5/b5": (1,)}


def convert_file(source: Path, target: Path) -> None:
    """The authors' checkpoint, by its index or prefix, as safetensors; errors as ``load``."""
    convert(source, target, shapes(), "pmgi", _NORMS)


def network(tensors: Mapping[str, Tensor], infrared: Tensor, visible: Tensor) -> Tensor:
    """[1, 1, H, W] each, scaled to -1..1, sides >= 2 -> [1, 1, H, W] in (-1, 1)."""
    import torch
    from torch.nn.functional import leaky_relu

    def both(number: str, sides: list[Tensor]) -> list[Tensor]:
        found = []
        for path, x in zip(_PATHS, sides, strict=True):
            scope = f"fusion_model/layer{number}{path}"
            weight, bias = (tensors[f"{scope}/{kind}{number}{path}"] for kind in "wb")
            x = batch_norm(tf_conv(x, weight, bias), {}, "", batch=True)
            found.append(leaky_relu(x, 0.2))
        return found

    def joined(*layers: list[Tensor]) -> list[Tensor]:
        return [torch.cat(features, 1) for features in zip(*layers, strict=True)]

    def exchanged(layer: list[Tensor]) -> list[Tensor]:
        return [torch.cat(layer, 1)] * 2

    sources = [[infrared, infrared, visible], [visible, visible, infrared]]
    first = both("1", [torch.cat(side, 1) for side in sources])
    second = both("2", first)
    third = both("3", joined(first, second, both("2_3", exchanged(second))))
    fourth = both("4", joined(first, second, third, both("3_4", exchanged(third))))
    features = torch.cat([*first, *second, *third, *fourth], 1)
    weight, bias = tensors["fusion_model/layer5/w5"], tensors["fusion_model/layer5/b5"]
    return torch.tanh(tf_conv(features, weight, bias))


class PMGI(ComparedMethod):
    """PMGI; its options are ``PMGIOptions``."""

    name = "pmgi"
    model = PMGIOptions
    ignored = _NORMS

    def shapes(self) -> Shapes:
        return shapes()

    def picture(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        sides = [self.tensor((self.read(one) - 127.5) / 127.5) for one in (infrared, visible)]
        out = network(self.tensors, *sides)[0, 0].cpu().numpy()
        return self.saved(out, scipy_stretch, (out + 1) / 2)
