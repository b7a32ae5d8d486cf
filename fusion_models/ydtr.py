"""YDTR: convolution, dynamic weights and a transformer stage for each source, then once for their sum.

Tang, He, Liu: "YDTR: Infrared and Visible Image Fusion via Y-shape Dynamic Transformer", IEEE Transactions
on Multimedia, 2023. Its transformer stage mixes runs of 64 pixels of one channel, not the channels of a
pixel (``compared.runs_of_pixels``), so the result depends on the size. Values below zero become bright
when the authors save them: -1.2 levels becomes 255.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ivif_bench.fusion_models.compared.declared import Paper, method_spec
from ivif_bench.fusion_models.compared.keyed import Seen, Tensors, conv_of, unseen
from ivif_bench.fusion_models.compared.layers import batch_norm, conv_shapes, norm_shapes
from ivif_bench.fusion_models.compared.method import ComparedMethod, ComparedOptions
from ivif_bench.fusion_models.compared.runs_of_pixels import stage, stage_shapes
from ivif_bench.fusion_models.compared.saving import wrap
from ivif_bench.fusion_models.compared.weights import Shapes, convert
from ivif_bench.types import StoredImage

if TYPE_CHECKING:
    from torch import Tensor

BLOCKS = 2


class YDTROptions(ComparedOptions):
    """Options of YDTR."""

    reading: ClassVar[str] = "PIL-L"
    saving: ClassVar[str] = "truncated to 8 bits, negative values wrap"


SPECS = (
    method_spec(
        __name__,
        "ydtr",
        "YDTR",
        "YDTR",
        YDTROptions,
        Paper(
            "tang2023ydtr",
            "Tang, Wei and He, Fazhi and Liu, Yu",
            "{YDTR}: Infrared and Visible Image Fusion via {Y}-shape Dynamic Transformer",
            "IEEE Transactions on Multimedia",
            2023,
            "25",
            "5413-5428",
        ),
        repository="github.com/tthinking/YDTR",
        commit="8f5b0ab",
        licence="none",
        original="YDTR.pth",
        sha256="183c31a103ada74063e644b300d6708ed567dcc231a9d0f8d52e098c6c2a0d32",
        path="models/model_10.pth",
        parameters=217_770,
        seconds=21.0,
        alternative="laplacian",
    ),
)


def shapes() -> Shapes:
    """Every tensor of the file; ``conv64`` and ``conv`` are not used."""
    found: dict[str, tuple[int, ...]] = {}
    for name, inputs in (("convInput", 1), ("conv64", 64), ("conv", 128)):
        found |= conv_shapes(f"{name}.conv", inputs, 64, 3) | norm_shapes(f"{name}.bn", 64)
    found |= conv_shapes("convolutional_out.conv", 64, 1, 1)
    found |= conv_shapes("DDF.spatial_branch.body.0", 64, 8, 3)
    found |= conv_shapes("DDF.spatial_branch.body.1", 8, 1, 3)
    found |= conv_shapes("DDF.channel_branch.fc.0", 64, 8, 1)
    found |= conv_shapes("DDF.channel_branch.fc.2", 8, 64, 1)
    return found | stage_shapes(64, BLOCKS)


def convert_file(source: Path, target: Path) -> None:
    """The authors' file as safetensors; errors as ``load``."""
    convert(source, target, shapes(), "ydtr")


def network(tensors: Tensors, infrared: Tensor, visible: Tensor, seen: Seen = unseen) -> Tensor:
    """The whole network.

    Args:
        infrared, visible: gray [1, 1, H, W] in [0, 1].
        seen: called with each recorded step.

    Returns:
        [1, 1, H, W] in (-1, 1).
    """

    def transformed(x: Tensor, index: int) -> Tensor:
        x = _weighted(tensors, x, index, seen)
        x = stage(tensors, x, BLOCKS, lambda step, value: seen(f"tr_{step}_{index}", value))
        seen(f"tr{index}", x)
        return x

    total: Tensor | None = None
    for index, source in enumerate((infrared, visible)):
        x = conv_of(tensors, "convInput.conv", source, "replicate")
        x = batch_norm(x, tensors, "convInput.bn").relu()
        seen(f"conv{index}", x)
        x = transformed(x, index)
        total = x if total is None else total + x
    assert total is not None
    return conv_of(tensors, "convolutional_out.conv", transformed(total, 2)).tanh()


def _weighted(tensors: Tensors, x: Tensor, index: int, seen: Seen) -> Tensor:
    """x times a map plus x times one factor for each channel; neither is limited."""
    place, channel = "DDF.spatial_branch.body", "DDF.channel_branch.fc"
    spatial = conv_of(tensors, f"{place}.1", conv_of(tensors, f"{place}.0", x))
    mean = x.mean((2, 3), keepdim=True)
    factors = conv_of(tensors, f"{channel}.2", conv_of(tensors, f"{channel}.0", mean).relu())
    seen(f"sf{index}", spatial)
    seen(f"cf{index}", factors)
    x = x * spatial + x * factors
    seen(f"ddf{index}", x)
    return x


class YDTR(ComparedMethod):
    """YDTR; its options are ``YDTROptions``."""

    name = "ydtr"
    model = YDTROptions

    def shapes(self) -> Shapes:
        return shapes()

    def picture(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        fused = network(self.tensors, *self.units(infrared, visible))[0, 0].cpu().numpy()
        return self.saved(fused, wrap, fused)
