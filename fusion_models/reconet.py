"""ReCoNet: three passes of one small attention and dilated convolution block (its fusion part).

Huang et al.: "ReCoNet: Recurrent Correction Network for Fast and Efficient Multi-modality Image Fusion",
ECCV 2022. The weights are those of the authors' folder ``archive``, which gives their paper's results.
They hold no registration, so sources are fused as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ivif_bench.fusion_models.compared.declared import Paper, method_spec
from ivif_bench.fusion_models.compared.keyed import Seen, Tensors, conv_of, unseen
from ivif_bench.fusion_models.compared.layers import batch_norm, conv_shapes, norm_shapes
from ivif_bench.fusion_models.compared.method import ComparedMethod, ComparedOptions
from ivif_bench.fusion_models.compared.saving import round_half_even
from ivif_bench.fusion_models.compared.weights import Shapes, convert
from ivif_bench.types import StoredImage

if TYPE_CHECKING:
    from torch import Tensor


class ReCoNetOptions(ComparedOptions):
    """Options of ReCoNet."""

    reading: ClassVar[str] = "CV-read"
    saving: ClassVar[str] = "clipped, rounded"


SPECS = (
    method_spec(
        __name__,
        "reconet",
        "ReCoNet",
        "ReCoNet",
        ReCoNetOptions,
        Paper(
            "huang2022reconet",
            "Huang, Zhanbo and Liu, Jinyuan and Fan, Xin and Liu, Risheng and Zhong, Wei and Luo, "
            "Zhongxuan",
            "{ReCoNet}: Recurrent Correction Network for Fast and Efficient Multi-modality Image "
            "Fusion",
            "ECCV",
            2022,
            pages="539-555",
            proceedings="European Conference on Computer Vision (ECCV)",
        ),
        repository="github.com/dlut-dimt/ReCoNet",
        commit="301cddf",
        licence="MIT",
        original="reconet.pth",
        sha256="d4f013c85e48d10d4f6c8b6574f16e4fe9cb5df48c77fc17c1e524f04bb3c290",
        path="archive/params.pth",
        parameters=7_527,
        seconds=22.0,
        alternative="laplacian",
    ),
)

LOOPS = 3
DILATIONS = (1, 2, 3)


def shapes() -> Shapes:
    """Every tensor of the file."""
    found = conv_shapes("att_a_conv", 2, 1, 3, bias=False)
    found |= conv_shapes("att_b_conv", 2, 1, 3, bias=False)
    for rate in DILATIONS:
        found |= conv_shapes(f"dil_conv_{rate}.0", 3, 64, 3) | norm_shapes(f"dil_conv_{rate}.1", 64)
    return found | conv_shapes("fus_conv.0", 192, 1, 3) | norm_shapes("fus_conv.1", 1)


def network(tensors: Tensors, infrared: Tensor, visible: Tensor, seen: Seen = unseen) -> Tensor:
    """The recurrent fusion part.

    Args:
        infrared, visible: gray [1, 1, H, W] in [0, 1].
        seen: called with each recorded step.

    Returns:
        [1, 1, H, W] in [-1, 1].
    """
    import torch

    def attended(source: str, key: str, x: Tensor, fused: Tensor, loop: int) -> Tensor:
        pair = torch.cat((torch.maximum(x, fused), (x + fused) / 2), 1)
        attention = conv_of(tensors, key, pair).sigmoid()
        seen(f"att_{source}{loop}", attention)
        return x * attention

    def branch(x: Tensor, rate: int) -> Tensor:
        x = conv_of(tensors, f"dil_conv_{rate}.0", x, dilation=rate)
        return batch_norm(x, tensors, f"dil_conv_{rate}.1").relu()

    fused = torch.maximum(infrared, visible)
    seen("f0", fused)
    for loop in range(LOOPS):
        first = attended("ir", "att_a_conv", infrared, fused, loop)
        second = attended("vi", "att_b_conv", visible, fused, loop)
        x = torch.cat((first, fused, second), 1)
        x = torch.cat([branch(x, rate) for rate in DILATIONS], 1)
        fused = batch_norm(conv_of(tensors, "fus_conv.0", x), tensors, "fus_conv.1").tanh()
        seen(f"f{loop + 1}", fused)
    return fused


def convert_file(source: Path, target: Path) -> None:
    """The authors' file as safetensors; errors as ``load``."""
    convert(source, target, shapes(), "reconet")


class ReCoNet(ComparedMethod):
    """ReCoNet; its options are ``ReCoNetOptions``."""

    name = "reconet"
    model = ReCoNetOptions

    def shapes(self) -> Shapes:
        return shapes()

    def picture(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        fused = network(self.tensors, *self.units(infrared, visible))[0, 0].cpu().numpy()
        return self.saved(fused, round_half_even, fused)
