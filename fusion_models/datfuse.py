"""DATFuse: one residual attention block on each side of a transformer stage, for both sources at once.

Tang et al.: "DATFuse: Infrared and Visible Image Fusion via Dual Attention Transformer", IEEE Transactions
on Circuits and Systems for Video Technology, 2023. Its transformer stage mixes runs of 16 pixels of one
channel (``compared.runs_of_pixels``), so the result depends on the size. Values below zero become bright
when the authors save them, which happens in dark pictures.
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


class DATFuseOptions(ComparedOptions):
    """Options of DATFuse."""

    reading: ClassVar[str] = "PIL-L"
    saving: ClassVar[str] = "truncated to 8 bits, negative values wrap"


SPECS = (
    method_spec(
        __name__,
        "datfuse",
        "DATFuse",
        "DATFuse",
        DATFuseOptions,
        Paper(
            "tang2023datfuse",
            "Tang, Wei and He, Fazhi and Liu, Yu and Duan, Yansong and Si, Tongzhen",
            "{DATFuse}: Infrared and Visible Image Fusion via Dual Attention Transformer",
            "IEEE Transactions on Circuits and Systems for Video Technology",
            2023,
            "33(7)",
            "3159-3172",
        ),
        repository="github.com/tthinking/DATFuse",
        commit="c6e1ca2",
        licence="none",
        original="DATFuse.pth",
        sha256="075b636954cbd425fc29be808bcfb42232e29b203f054c2a637ed301300d5a1d",
        path="model_10.pth",
        parameters=10_760,
        seconds=3.0,
        alternative="laplacian",
    ),
)


def shapes() -> Shapes:
    """Every tensor of the file."""
    found = conv_shapes("convolutional.conv", 2, 16, 5) | norm_shapes("convolutional.bn", 16)
    found |= conv_shapes("convolutional_out.conv", 16, 1, 1)
    found |= conv_shapes("fem.conv", 16, 16, 3) | norm_shapes("fem.bn", 16)
    found |= conv_shapes("cam.fc.0", 16, 4, 1) | conv_shapes("cam.fc.2", 4, 16, 1)
    for index, inputs, outputs in ((0, 16, 4), (3, 4, 1)):
        found |= conv_shapes(f"sam.body.{index}", inputs, outputs, 3)
        found |= norm_shapes(f"sam.body.{index + 1}", outputs)
    return found | stage_shapes(16, BLOCKS)


def convert_file(source: Path, target: Path) -> None:
    """The authors' file as safetensors; errors as ``load``."""
    convert(source, target, shapes(), "datfuse")


def network(tensors: Tensors, infrared: Tensor, visible: Tensor, seen: Seen = unseen) -> Tensor:
    """The whole network.

    Args:
        infrared, visible: gray [1, 1, H, W] in [0, 1].
        seen: called with each recorded step.

    Returns:
        [1, 1, H, W] in (-1, 1).
    """
    import torch

    x = torch.cat((infrared, visible), 1)
    x = conv_of(tensors, "convolutional.conv", x, "replicate")
    x = batch_norm(x, tensors, "convolutional.bn").relu()
    seen("conv", x)
    _, weighted = _attended(tensors, x, 0, seen)
    x = stage(tensors, (weighted + x).relu(), BLOCKS)
    seen("tr", x)
    features, weighted = _attended(tensors, x, 1, seen)
    return conv_of(tensors, "convolutional_out.conv", weighted + features).tanh()


def _attended(tensors: Tensors, x: Tensor, index: int, seen: Seen) -> tuple[Tensor, Tensor]:
    """Features of x by one convolution applied twice, and the sum of both their weightings."""

    def features(y: Tensor) -> Tensor:
        return conv_of(tensors, "fem.conv", y, "replicate")

    f = batch_norm(features(x), tensors, "fem.bn").relu()
    f = batch_norm(features(f), tensors, "fem.bn")
    seen(f"fem{index}", f)
    channels = conv_of(tensors, "cam.fc.0", f.mean((2, 3), keepdim=True)).relu()
    channels = conv_of(tensors, "cam.fc.2", channels).sigmoid()
    seen(f"ca{index}", channels)
    places = batch_norm(conv_of(tensors, "sam.body.0", f), tensors, "sam.body.1").relu()
    places = batch_norm(conv_of(tensors, "sam.body.3", places), tensors, "sam.body.4").sigmoid()
    seen(f"sa{index}", places)
    return f, f * channels + f * places


class DATFuse(ComparedMethod):
    """DATFuse; its options are ``DATFuseOptions``."""

    name = "datfuse"
    model = DATFuseOptions

    def shapes(self) -> Shapes:
        return shapes()

    def picture(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        fused = network(self.tensors, *self.units(infrared, visible))[0, 0].cpu().numpy()
        return self.saved(fused, wrap, fused)
