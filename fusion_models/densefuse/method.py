"""DenseFuse as fusion methods: one network, two programs with their own names, orders, rules and saving."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ivif_bench.fusion_models.compared.layers import conv, conv_shapes, tf_conv
from ivif_bench.fusion_models.compared.method import ComparedMethod, ComparedOptions
from ivif_bench.fusion_models.compared.saving import clip_truncate_levels, scipy_stretch
from ivif_bench.fusion_models.compared.weights import Shapes, convert
from ivif_bench.fusion_models.densefuse import DenseFuseOptions, DenseFuseTorchOptions
from ivif_bench.types import StoredImage

if TYPE_CHECKING:
    from torch import Tensor

# Name in TensorFlow, name in PyTorch, channels in and out; all 3x3, the last without an activation.
_FIRST = ("encoder/conv1_1", "conv1.conv2d", 1, 16)
_DENSE = (
    ("encoder/dense_block_conv1", "DB1.denseblock.0.dense_conv.conv2d", 16, 16),
    ("encoder/dense_block_conv2", "DB1.denseblock.1.dense_conv.conv2d", 32, 16),
    ("encoder/dense_block_conv3", "DB1.denseblock.2.dense_conv.conv2d", 48, 16),
)
_DECODER = (
    ("decoder/conv2_1", "conv2.conv2d", 64, 64),
    ("decoder/conv2_2", "conv3.conv2d", 64, 32),
    ("decoder/conv2_3", "conv4.conv2d", 32, 16),
    ("decoder/conv2_4", "conv5.conv2d", 16, 1),
)
_OPTIMISER = r"beta[12]_power|.*/Adam(_1)?"


def tf_shapes() -> Shapes:
    """Tensors of the TensorFlow checkpoint; a kernel is [3, 3, in, out]."""
    found: dict[str, tuple[int, ...]] = {}
    for name, _, inputs, outputs in (_FIRST, *_DENSE, *_DECODER):
        found |= {f"{name}/kernel": (3, 3, inputs, outputs), f"{name}/bias": (outputs,)}
    return found


def torch_shapes() -> Shapes:
    """Tensors of the PyTorch file."""
    found: dict[str, tuple[int, ...]] = {}
    for _, name, inputs, outputs in (_FIRST, *_DENSE, *_DECODER):
        found |= conv_shapes(name, inputs, outputs, 3)
    return found


def convert_tf_file(source: Path, target: Path) -> None:
    """The TensorFlow checkpoint, by its index or prefix, as safetensors; errors as ``load``."""
    convert(source, target, tf_shapes(), "densefuse", _OPTIMISER)


def convert_torch_file(source: Path, target: Path) -> None:
    """The PyTorch file as safetensors; errors as ``load``."""
    convert(source, target, torch_shapes(), "densefuse-torch")


def combined(first: Tensor, second: Tensor, rule: str) -> Tensor:
    """Features of two pictures, [N, 64, H, W], by a rule.

    Where both are zero in all channels, ``l1`` gives zero; the authors' program divides 0 by 0 there.
    """
    if rule != "l1":
        total = first + second
        return total / 2 if rule == "mean" else total
    a, b = (features.abs().sum(1, keepdim=True) for features in (first, second))
    total = a + b
    total = total.where(total > 0, 1)
    return first * (a / total) + second * (b / total)


class DenseFuse(ComparedMethod):
    """DenseFuse by the TensorFlow program; its options are ``DenseFuseOptions``.

    The sum of two feature maps has twice the scale, so ``output: plain`` halves the result of
    ``addition``.
    """

    name = "densefuse"
    model: ClassVar[type[ComparedOptions]] = DenseFuseOptions
    ignored = _OPTIMISER

    def shapes(self) -> Shapes:
        return tf_shapes()

    def layer(self, x: Tensor, layer: tuple[str, str, int, int]) -> Tensor:
        kernel, bias = self.tensors[f"{layer[0]}/kernel"], self.tensors[f"{layer[0]}/bias"]
        return tf_conv(x, kernel, bias, "reflect")

    def joined(self, new: Tensor, old: Tensor) -> Tensor:
        """Features of a layer and what it saw, in the order of this program."""
        import torch

        return torch.cat([new, old], 1)

    def encoded(self, image: StoredImage) -> Tensor:
        """[1, 64, H, W] of one picture in 0..255."""
        x = self.layer(self.tensor(self.read(image)), _FIRST).relu()
        for layer in _DENSE:
            x = self.joined(self.layer(x, layer).relu(), x)
        return x

    def network(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        """The decoder's output, float32 [H, W], about 0..255; of ``addition`` twice as much."""
        x = combined(self.encoded(infrared), self.encoded(visible), self.options.rule)
        for layer in _DECODER[:-1]:
            x = self.layer(x, layer).relu()
        out: np.ndarray = self.layer(x, _DECODER[-1])[0, 0].cpu().numpy()
        return out

    def picture(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        out = self.network(infrared, visible)
        white = 510 if self.options.rule == "addition" else 255
        return self.saved(out, scipy_stretch, out / white)


class DenseFuseTorch(DenseFuse):
    """DenseFuse by the PyTorch program; its options are ``DenseFuseTorchOptions``."""

    name = "densefuse-torch"
    model = DenseFuseTorchOptions
    ignored = ""

    def shapes(self) -> Shapes:
        return torch_shapes()

    def layer(self, x: Tensor, layer: tuple[str, str, int, int]) -> Tensor:
        weight, bias = self.tensors[f"{layer[1]}.weight"], self.tensors[f"{layer[1]}.bias"]
        return conv(x, weight, bias, "reflect")

    def joined(self, new: Tensor, old: Tensor) -> Tensor:
        return super().joined(old, new)

    def picture(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        out = self.network(infrared, visible)
        return self.saved(out, clip_truncate_levels, out / 255)
