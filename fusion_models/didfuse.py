"""DIDFuse: an encoder that splits each source into background and detail, and a decoder.

Zhao et al.: "DIDFuse: Deep Image Decomposition for Infrared and Visible Image Fusion", IJCAI 2020. Four
feature maps of each source are combined by one rule, by default their sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from ivif_bench.fusion import METHODS, Recipe
from ivif_bench.fusion_models.compared.declared import Paper, method_spec
from ivif_bench.fusion_models.compared.keyed import Seen, Tensors, conv_of, unseen
from ivif_bench.fusion_models.compared.layers import batch_norm, conv_shapes, norm_shapes
from ivif_bench.fusion_models.compared.method import ComparedMethod, ComparedOptions
from ivif_bench.fusion_models.compared.parts import Parts, convert_parts, load_parts
from ivif_bench.fusion_models.compared.saving import round_half_even
from ivif_bench.fusion_models.compared.weights import Shapes
from ivif_bench.types import StoredImage
from ivif_bench.weights import locate

if TYPE_CHECKING:
    from torch import Tensor

Rule = Literal["sum", "average", "l1"]


class DIDFuseOptions(ComparedOptions):
    """Options of DIDFuse."""

    rule: Rule = Field(
        "sum",
        description="how features are combined: their sum (the authors' default), their mean, or "
        "weighted by their local l1 norms (as VIF-Benchmark runs it)",
    )

    def recipe(self) -> Recipe:
        saved = self.saved_by("rounded")
        return Recipe(f"gray by {self.gray_reading}, rule {self.rule}, {saved}")


_REPOSITORY = "github.com/Zhaozixiang1228/IVIF-DIDFuse"

SPECS = (
    method_spec(
        __name__,
        "didfuse",
        "DIDFuse",
        "DIDFuse",
        DIDFuseOptions,
        Paper(
            "zhao2020didfuse",
            "Zhao, Zixiang and Xu, Shuang and Zhang, Chunxia and Liu, Junmin and Zhang, Jiangshe and "
            "Li, Pengfei",
            "{DIDFuse}: Deep Image Decomposition for Infrared and Visible Image Fusion",
            "IJCAI",
            2020,
            pages="970-976",
            proceedings="International Joint Conference on Artificial Intelligence (IJCAI)",
        ),
        repository=_REPOSITORY,
        licence="none",
        original="didfuse/Encoder.pkl",
        sha256="4d84a4e64e58469d3d4591f83c6683ead3e422498519db99bb617cb29d268471",
        beside={
            "didfuse/Decoder.pkl": "c6974e2a7c66ab579a77bacb086023237a229e769d459783bad8ff43e52e9986"
        },
        source=f"encoder and decoder of {_REPOSITORY}, saved side by side as Encoder.pkl and "
        "Decoder.pkl",
        parameters=260_935,
        seconds=16.0,
        smallest=2,
        alternative="laplacian",
    ),
)

# Name of a layer, channels in and out, and whether it pads by reflection (a padding layer then comes
# before the convolution and shifts the numbers in the file) and ends in a PReLU.
_Layer = tuple[str, int, int, bool, bool]
_ENCODER: tuple[_Layer, ...] = (
    ("cov1", 1, 64, True, True),
    ("cov2", 64, 64, False, True),
    ("cov3", 64, 64, False, False),
    ("cov4", 64, 64, False, False),
)
_DECODER: tuple[_Layer, ...] = (
    ("cov5", 128, 64, False, True),
    ("cov6", 128, 64, False, True),
    ("cov7", 128, 1, True, False),
)
_LAYERS = {layer[0]: layer for layer in (*_ENCODER, *_DECODER)}
_STEPS = ("f1", "f2", "base", "detail")


def parts() -> Parts:
    """Every tensor of the two files."""
    return {"Encoder": _shapes(_ENCODER), "Decoder": _shapes(_DECODER)}


def _shapes(layers: tuple[_Layer, ...]) -> Shapes:
    found: dict[str, tuple[int, ...]] = {}
    for name, inputs, outputs, reflect, slope in layers:
        where, first = f"{name}.{name}", int(reflect)
        found |= conv_shapes(f"{where}.{first}", inputs, outputs, 3)
        found |= norm_shapes(f"{where}.{first + 1}", outputs)
        if slope:
            found[f"{where}.{first + 2}.weight"] = (1,)
    return found


def convert_file(source: Path, target: Path) -> None:
    """The authors' two files, by that of the encoder, as safetensors; errors as ``load_parts``."""
    convert_parts(source, target, parts(), "didfuse")


def network(
    tensors: Tensors, infrared: Tensor, visible: Tensor, rule: Rule = "sum", seen: Seen = unseen
) -> Tensor:
    """Encoder of both sources, rule, decoder.

    Args:
        infrared, visible: gray [N, 1, H, W] in [0, 1], sides >= 2.
        rule: how features are combined.
        seen: called with each recorded step.

    Returns:
        [N, 1, H, W] in (0, 1).
    """
    import torch

    coded = [_encoded(tensors, source) for source in (infrared, visible)]
    for side, values in zip(("ir", "vi"), coded, strict=True):
        for step, value in zip(_STEPS, values, strict=True):
            seen(f"{side}_{step}", value)
    first, second, base, detail = map(_RULES[rule], *coded)
    x = _layer(tensors, "cov5", torch.cat((base, detail), 1))
    seen("dec5", x)
    x = _layer(tensors, "cov6", torch.cat((x, second), 1))
    seen("dec6", x)
    return _layer(tensors, "cov7", torch.cat((x, first), 1)).sigmoid()


def _encoded(tensors: Tensors, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    first = _layer(tensors, "cov1", x)
    second = _layer(tensors, "cov2", first)
    base, detail = (_layer(tensors, name, second).tanh() for name in ("cov3", "cov4"))
    return first, second, base, detail


def _layer(tensors: Tensors, name: str, x: Tensor) -> Tensor:
    from torch.nn.functional import prelu

    *_, reflect, slope = _LAYERS[name]
    where, first = f"{name}.{name}", int(reflect)
    x = conv_of(tensors, f"{where}.{first}", x, "reflect" if reflect else "zeros")
    x = batch_norm(x, tensors, f"{where}.{first + 1}")
    return prelu(x, tensors[f"{where}.{first + 2}.weight"]) if slope else x


def _l1(a: Tensor, b: Tensor) -> Tensor:
    """Weights by the 3x3 mean, zeros outside, of the sum of magnitudes over the channels."""
    from torch.nn.functional import avg_pool2d

    first, second = (avg_pool2d(x.abs().sum(1, keepdim=True), 3, 1, 1) for x in (a, b))
    share = first / (first + second)
    return share * a + (1 - share) * b


_RULES: Mapping[Rule, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": lambda a, b: a + b,
    "average": lambda a, b: (a + b) / 2,
    "l1": _l1,
}


class DIDFuse(ComparedMethod):
    """DIDFuse; its options are ``DIDFuseOptions``."""

    name = "didfuse"
    model = DIDFuseOptions

    def shapes(self) -> Shapes:
        return {key: shape for part in parts().values() for key, shape in part.items()}

    def loaded(self) -> dict[str, Tensor]:
        spec = METHODS.get(self.name)
        return load_parts(locate(spec, spec.weights[0], self.options.weights), parts(), self.name)

    def picture(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        sides = self.units(infrared, visible)
        fused = network(self.tensors, *sides, self.options.rule)[0, 0].cpu().numpy()
        return self.saved(fused, round_half_even, fused)
