"""LRRNet: unrolled steps that split each source into a low-rank and a sparse part, and one decoder.

Li et al.: "LRRNet: A Novel Representation Learning Guided Fusion Network for Infrared and Visible Images",
IEEE Transactions on Pattern Analysis and Machine Intelligence, 2023. The authors stretch both sources and
the result from minimum to maximum.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ivif_bench.fusion_models.compared.declared import Paper, method_spec
from ivif_bench.fusion_models.compared.keyed import Seen, Tensors, unseen
from ivif_bench.fusion_models.compared.layers import bordered, conv_shapes
from ivif_bench.fusion_models.compared.method import ComparedMethod, ComparedOptions
from ivif_bench.fusion_models.compared.saving import stretch_truncate
from ivif_bench.fusion_models.compared.weights import Shapes, convert
from ivif_bench.types import StoredImage

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 4
PARTS = 128  # channels of the low-rank part, and of the sparse part
EPSILON = 1e-5  # beside the spans of sources and result
_AT_ONCE = 8  # channels


class LRRNetOptions(ComparedOptions):
    """Options of LRRNet; ``output: plain`` clips what the network gives, which is dark."""

    reading: ClassVar[str] = "CV-read"
    saving: ClassVar[str] = "stretched from minimum to maximum, truncated"
    stretched: ClassVar[bool] = True


SPECS = (
    method_spec(
        __name__,
        "lrrnet",
        "LRRNet",
        "LRRNet",
        LRRNetOptions,
        Paper(
            "li2023lrrnet",
            "Li, Hui and Xu, Tianyang and Wu, Xiao-Jun and Lu, Jiwen and Kittler, Josef",
            "{LRRNet}: A Novel Representation Learning Guided Fusion Network for Infrared and "
            "Visible Images",
            "IEEE Transactions on Pattern Analysis and Machine Intelligence",
            2023,
            "45(9)",
            "11040-11052",
        ),
        repository="github.com/hli1221/imagefusion-LRRNet",
        commit="fa97de8",
        licence="none",
        original="LRRNet.model",
        sha256="1de9dd8dee9b650ce69c74ea53e3b9a6b749222f1059a689aabf28f68ee63e29",
        path="model/final_lrr_net_lam2_1.5_wir_3.0_lam3_gram_2000_epoch_4_block_4.model",
        parameters=49_204,
        seconds=17.0,
        smallest=2,
        alternative="laplacian-stretched",
    ),
)


def shapes() -> Shapes:
    """Every tensor of the file."""
    found: dict[str, tuple[int, ...]] = {}
    for side in ("get_ls1", "get_ls2"):
        found |= {f"{side}.lamj": (1, 2 * PARTS), f"{side}.lamz": (1, 1)}
        found |= conv_shapes(f"{side}.conv_W00.conv2d", 1, 2 * PARTS, 3)
        for step in range(STEPS):
            name = f"{side}.lrrblock{step}"
            found |= conv_shapes(f"{name}.conv_Wdz.conv2d", 2 * PARTS, 1, 3)
            found |= conv_shapes(f"{name}.conv_Wdtz.conv2d", 1, 2 * PARTS, 3)
    for name, inputs in (
        *((part, PARTS) for part in ("ReZx", "ReUx", "ReZy", "ReUy")),
        ("ReL", 2),
        ("ReH", 2),
    ):
        found |= conv_shapes(f"decoder.conv_{name}.conv2d", inputs, 1, 3)
    return found


def convert_file(source: Path, target: Path) -> None:
    """The authors' file as safetensors; errors as ``load``."""
    convert(source, target, shapes(), "lrrnet")


def stretched(plane: np.ndarray) -> np.ndarray:
    """A source from minimum to maximum, float32 [H, W] in [0, 1)."""
    low, high = plane.min(), plane.max()
    result: np.ndarray = (plane - low) / (high - low + np.float32(EPSILON))
    return result


def network(tensors: Tensors, infrared: Tensor, visible: Tensor, seen: Seen = unseen) -> Tensor:
    """The whole network.

    Args:
        infrared, visible: ``stretched`` gray [1, 1, H, W].
        seen: called with each recorded step.

    Returns:
        [1, 1, H, W], of no fixed scale.
    """
    import torch

    parts = {}
    for side, key, name, source in (
        ("ir", "get_ls1", "x", infrared),
        ("vi", "get_ls2", "y", visible),
    ):
        features = _split(tensors, key, source, side, seen)
        low, sparse = features[:, :PARTS], features[:, PARTS:]
        seen(f"fea_{name}_l", low)
        seen(f"fea_{name}_s", sparse)
        parts[f"{name}_l"] = _summed(tensors, f"decoder.conv_ReZ{name}", low)
        parts[f"{name}_h"] = _summed(tensors, f"decoder.conv_ReU{name}", sparse)
        del features, low, sparse  # a third of a gigabyte at 640x480
    for name, value in parts.items():
        seen(name, value)
    total_low = _summed(tensors, "decoder.conv_ReL", torch.cat((parts["x_l"], parts["y_l"]), 1))
    total_high = _summed(tensors, "decoder.conv_ReH", torch.cat((parts["x_h"], parts["y_h"]), 1))
    seen("fl", total_low)
    seen("fh", total_high)
    return total_low + total_high


def _split(tensors: Tensors, key: str, x: Tensor, side: str, seen: Seen) -> Tensor:
    """Features of a source, [1, 2 * PARTS, H, W]: low-rank ones, then sparse ones."""
    import torch
    from torch.nn.functional import unfold

    limits = tensors[f"{key}.lamj"].T  # some are below zero and enlarge
    height, width = x.shape[-2:]
    z, kept, rest = x.new_zeros(2 * PARTS, height * width), 0.0, x
    for step in range(-1, STEPS):
        block = f"{key}.lrrblock{step}"
        name = f"{key}.conv_W00" if step < 0 else f"{block}.conv_Wdtz"
        if step >= 0:
            rest = x - _summed(tensors, f"{block}.conv_Wdz", z.view(1, -1, height, width))
            kept = float(tensors[f"{key}.lamz"])
        weight = tensors[f"{name}.conv2d.weight"].flatten(1)
        bias = tensors[f"{name}.conv2d.bias"][:, None]
        windows = unfold(bordered(rest, 1, "reflect"), 3)[0]  # [9, H * W]
        # Some channels at a time, which stay in a processor's cache.
        for first in range(0, 2 * PARTS, _AT_ONCE):
            rows = slice(first, first + _AT_ONCE)
            change = torch.addmm(z[rows], weight[rows], windows, beta=kept).add_(bias[rows])
            torch.mul(change.abs().sub_(limits[rows]).relu_(), change.sign_(), out=z[rows])
        if step >= 0:
            seen(f"{side}_block{step}", z.view(1, -1, height, width))
    return z.view(1, -1, height, width)


def _summed(tensors: Tensors, name: str, x: Tensor) -> Tensor:
    """A 3x3 convolution with one result, [1, C, H, W] -> [1, 1, H, W].

    The channels are summed before the windows, so nothing of the size of ``x`` is copied to be padded.
    """
    height, width = x.shape[-2:]
    weight, bias = tensors[f"{name}.conv2d.weight"], tensors[f"{name}.conv2d.bias"]
    planes = (weight[0].flatten(1).T @ x.flatten(2)[0]).view(1, 9, height, width)
    planes = bordered(planes, 1, "reflect")
    windows = [(row, column) for row in range(3) for column in range(3)]
    total = sum(
        planes[:, index, row : row + height, column : column + width]
        for index, (row, column) in enumerate(windows)
    )
    return (total + bias)[None]


class LRRNet(ComparedMethod):
    """LRRNet; its options are ``LRRNetOptions``."""

    name = "lrrnet"
    model = LRRNetOptions

    def shapes(self) -> Shapes:
        return shapes()

    def picture(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        first, second = (self.tensor(stretched(self.read(one))) for one in (infrared, visible))
        fused = network(self.tensors, first, second)[0, 0].cpu().numpy()
        return self.saved(fused, lambda values: stretch_truncate(values, EPSILON), fused)
