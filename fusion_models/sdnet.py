"""SDNet: four dense layers for each source, squeezed into one picture by a 1x1 convolution.

Zhang, Ma: "SDNet: A Versatile Squeeze-and-Decomposition Network for Real-Time Image Fusion",
International Journal of Computer Vision 129, 2021. The layers that decompose the result again serve its
training only. The authors' program reads gray through 8-bit YCbCr and stretches every result from its
minimum to its maximum; see docs/methods/compared.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ivif_bench.fusion_models.compared.declared import Paper, method_spec
from ivif_bench.fusion_models.compared.layers import tf_conv
from ivif_bench.fusion_models.compared.method import ComparedMethod, ComparedOptions
from ivif_bench.fusion_models.compared.saving import scipy_stretch
from ivif_bench.fusion_models.compared.weights import Shapes, convert
from ivif_bench.types import StoredImage

if TYPE_CHECKING:
    from torch import Tensor


class SDNetOptions(ComparedOptions):
    """Options of SDNet."""

    reading: ClassVar[str] = "Y1"
    saving: ClassVar[str] = "stretched from minimum to maximum"
    stretched: ClassVar[bool] = True


SPECS = (
    method_spec(
        __name__,
        "sdnet",
        "SDNet",
        "SDNet",
        SDNetOptions,
        Paper(
            "zhang2021sdnet",
            "Zhang, Hao and Ma, Jiayi",
            "{SDNet}: A Versatile Squeeze-and-Decomposition Network for Real-Time Image Fusion",
            "International Journal of Computer Vision",
            2021,
            "129",
            "2761-2785",
        ),
        repository="github.com/HaoZhang1018/SDNet",
        commit="bf6a2ee",
        licence="MIT",
        original="sdnet/SDNet.model.index",
        sha256="bed2d4628732a36bc972de1189c4e139d8bc233077da20156e8e662a17df35aa",
        data_sha256="17e4426453f09f3dae7887244f48eed54550bdd584792ac284597ee3713293a0",
        url="https://github.com/Linfeng-Tang/VIF-Benchmark/raw/146291d/Checkpoint/SDNet/"
        "SDNet.model.index",
        source="IRVIS.model-10 of github.com/HaoZhang1018/SDNet at bf6a2ee, the same file as "
        "Checkpoint/SDNet/SDNet.model of github.com/Linfeng-Tang/VIF-Benchmark",
        parameters=28_705,
        seconds=2.0,
        alternative="laplacian-stretched",
    ),
)

# Number of a layer, kernel, channels in and out; once for each side.
_LAYERS = ((1, 5, 1, 16), (2, 3, 16, 16), (3, 3, 32, 16), (4, 3, 48, 16))
_SIDES = ("ir", "vi")
_DECOMPOSING = r"fusion_model/layer[6-9]_(ir|vi|sept)/[wb][6-9]_(ir|vi|sept)"


def shapes() -> Shapes:
    """The tensors that fuse; a kernel is [k, k, in, out]."""
    found: dict[str, tuple[int, ...]] = {}
    for number, kernel, inputs, outputs in _LAYERS:
        for side in _SIDES:
            scope = f"fusion_model/layer{number}_{side}"
            found[f"{scope}/w{number}_{side}"] = (kernel, kernel, inputs, outputs)
            found[f"{scope}/b{number}_{side}"] = (outputs,)
    return found | {
        "fusion_model/layer5_fuse/w5_fuse": (1, 1, 128, 1),
        "fusion_model/layer5_fuse/b5_fuse": (1,),
    }


def convert_file(source: Path, target: Path) -> None:
    """The authors' checkpoint, by its index or prefix, as safetensors; errors as ``load``."""
    convert(source, target, shapes(), "sdnet", _DECOMPOSING)


def network(tensors: Mapping[str, Tensor], infrared: Tensor, visible: Tensor) -> Tensor:
    """[N, 1, H, W] each, scaled to -1..1 -> [N, 1, H, W] in (-1, 1)."""
    import torch
    from torch.nn.functional import leaky_relu

    features: list[Tensor] = []  # ir1, vi1, ir2, vi2, ...
    for number, *_ in _LAYERS:
        for index, (side, picture) in enumerate(zip(_SIDES, (infrared, visible), strict=True)):
            scope = f"fusion_model/layer{number}_{side}"
            x = torch.cat(features[index : 2 * number - 2 : 2] or [picture], 1)
            weight, bias = (tensors[f"{scope}/{kind}{number}_{side}"] for kind in "wb")
            features.append(leaky_relu(tf_conv(x, weight, bias), 0.2))
    scope = "fusion_model/layer5_fuse"
    weight, bias = tensors[f"{scope}/w5_fuse"], tensors[f"{scope}/b5_fuse"]
    return torch.tanh(tf_conv(torch.cat(features, 1), weight, bias))


class SDNet(ComparedMethod):
    """SDNet; its options are ``SDNetOptions``."""

    name = "sdnet"
    model = SDNetOptions
    ignored = _DECOMPOSING

    def shapes(self) -> Shapes:
        return shapes()

    def picture(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        sides = [self.tensor((self.read(one) - 127.5) / 127.5) for one in (infrared, visible)]
        out = network(self.tensors, *sides)[0, 0].cpu().numpy()
        return self.saved(out, scipy_stretch, (out + 1) / 2)
