"""SeAFusion: two encoders of gradient residual dense blocks and one decoder.

Tang, Yuan, Ma: "Image fusion in the loop of high-level vision tasks: A semantic-aware real-time infrared
and visible image fusion network", Information Fusion 82, 2022. Its training sees a segmentation loss; the
network at test time does not. The two Sobel kernels of a block are trained, so they come from the file.
The authors stretch the colour picture from its minimum to its maximum, over all three channels at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ivif_bench.data.images import rgb_of
from ivif_bench.fusion_models.compared.colour import seafusion_split, t403_join
from ivif_bench.fusion_models.compared.declared import Paper, method_spec
from ivif_bench.fusion_models.compared.keyed import Seen, Tensors, conv_of, leaky, unseen
from ivif_bench.fusion_models.compared.layers import conv_shapes, norm_shapes
from ivif_bench.fusion_models.compared.method import ComparedMethod, ComparedOptions
from ivif_bench.fusion_models.compared.saving import stretch_truncate
from ivif_bench.fusion_models.compared.weights import Shapes, convert
from ivif_bench.types import StoredImage

if TYPE_CHECKING:
    from torch import Tensor


class SeAFusionOptions(ComparedOptions):
    """Options of SeAFusion; the visible image is read in colour, whatever ``gray`` says."""

    saving: ClassVar[str] = "colour stretched from minimum to maximum"
    stretched: ClassVar[bool] = True


SPECS = (
    method_spec(
        __name__,
        "seafusion",
        "SeAFusion",
        "SeAFusion",
        SeAFusionOptions,
        Paper(
            "tang2022seafusion",
            "Tang, Linfeng and Yuan, Jiteng and Ma, Jiayi",
            "Image fusion in the loop of high-level vision tasks: A semantic-aware real-time infrared "
            "and visible image fusion network",
            "Information Fusion",
            2022,
            "82",
            "28-42",
        ),
        repository="github.com/Linfeng-Tang/SeAFusion",
        licence="MIT",
        original="SeAFusion.pth",
        sha256="8d65a7f9a50f36349803368cf9920f40420776995e7e8cc8a56d8d30e499431d",
        source="SeAFusion.pth of github.com/Linfeng-Tang/VIF-Benchmark, by the same author",
        parameters=166_883,
        seconds=23.0,
        output="rgb",
        alternative="laplacian-stretched",
    ),
)

# Level of a decoder layer, channels in and out.
_DECODER = ((4, 96, 64), (3, 64, 32), (2, 32, 16), (1, 16, 1))


def shapes() -> Shapes:
    """Every tensor of the file; the batch norms of the decoder are in it and never applied."""
    found: dict[str, tuple[int, ...]] = {}
    for side in ("vis", "inf"):
        found |= conv_shapes(f"{side}_conv.conv", 1, 16, 3)
        for number, inputs, outputs in ((1, 16, 32), (2, 32, 48)):
            name = f"{side}_rgbd{number}"
            found |= conv_shapes(f"{name}.dense.conv1.conv", inputs, inputs, 3)
            found |= conv_shapes(f"{name}.dense.conv2.conv", 2 * inputs, inputs, 3)
            found |= conv_shapes(f"{name}.convdown.conv", 3 * inputs, outputs, 1)
            found |= conv_shapes(f"{name}.sobelconv.convx", 1, inputs, 3, bias=False)
            found |= conv_shapes(f"{name}.sobelconv.convy", 1, inputs, 3, bias=False)
            found |= conv_shapes(f"{name}.convup.conv", inputs, outputs, 1)
    for level, inputs, outputs in _DECODER:
        found |= conv_shapes(f"decode{level}.conv", inputs, outputs, 3)
        found |= norm_shapes(f"decode{level}.bn", outputs)
    return found


def network(tensors: Tensors, y: Tensor, infrared: Tensor, seen: Seen = unseen) -> Tensor:
    """The whole network.

    Args:
        y: luma of the visible image, [N, 1, H, W] in [0, 1].
        infrared: gray, as ``y``.
        seen: called with each recorded step.

    Returns:
        Luma [N, 1, H, W] in [0, 1].
    """
    import torch

    sides = (("vis", y), ("inf", infrared))
    x = torch.cat([_encoded(tensors, side, source, seen) for side, source in sides], 1)
    for level, _, _ in _DECODER[:-1]:
        x = leaky(conv_of(tensors, f"decode{level}.conv", x), 0.2)
        seen(f"dec{level}", x)
    return conv_of(tensors, "decode1.conv", x).tanh() / 2 + 0.5


def _encoded(tensors: Tensors, side: str, x: Tensor, seen: Seen) -> Tensor:
    x = leaky(conv_of(tensors, f"{side}_conv.conv", x), 0.2)
    seen(f"{side}_conv", x)
    for number in (1, 2):
        x = _block(tensors, f"{side}_rgbd{number}", x, f"{side}_grdb{number}", seen)
    return x


def _block(tensors: Tensors, name: str, x: Tensor, step: str, seen: Seen) -> Tensor:
    """A gradient residual dense block."""
    import torch
    from torch.nn.functional import conv2d

    first = leaky(conv_of(tensors, f"{name}.dense.conv1.conv", x), 0.2)
    second = leaky(conv_of(tensors, f"{name}.dense.conv2.conv", torch.cat((x, first), 1)), 0.2)
    dense = conv_of(tensors, f"{name}.convdown.conv", torch.cat((x, first, second), 1))
    across, down = (
        conv2d(x, tensors[f"{name}.sobelconv.conv{axis}.weight"], padding=1, groups=x.shape[1])
        for axis in "xy"
    )
    gradient = across.abs() + down.abs()
    seen(f"{step}_sobel", gradient)
    x = leaky(dense + conv_of(tensors, f"{name}.convup.conv", gradient), 0.1)
    seen(step, x)
    return x


def convert_file(source: Path, target: Path) -> None:
    """The authors' file as safetensors; errors as ``load``."""
    convert(source, target, shapes(), "seafusion")


class SeAFusion(ComparedMethod):
    """SeAFusion; its options are ``SeAFusionOptions``."""

    name = "seafusion"
    model = SeAFusionOptions

    def shapes(self) -> Shapes:
        return shapes()

    def picture(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        ycrcb = seafusion_split(rgb_of(visible).astype(np.float32) / 255)
        y, gray = self.tensor(ycrcb[..., 0]), self.tensor(self.read(infrared) / 255)
        ycrcb[..., 0] = network(self.tensors, y, gray)[0, 0].cpu().numpy()
        rgb = t403_join(ycrcb).clip(0, 1)
        return self.saved(rgb, stretch_truncate, rgb)
