"""IFCNN with the maximum rule: a classifier's first layer, and one trained layer on each side of the rule.

Zhang et al.: "IFCNN: A general image fusion framework based on convolutional neural network",
Information Fusion 54, 2020. Two programs exist, 12 to 21 gray levels apart on average. The authors'
script for infrared and visible images feeds colour and normalises nothing; the pictures of the TNO42
collection, and those of the authors' own folder ``Results``, come from gray normalised as for the
classifier. The option ``convention`` chooses; the paper's comparisons are probably the second.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from ivif_bench.data.images import rgb_of
from ivif_bench.fusion import Recipe
from ivif_bench.fusion_models.compared.declared import Paper, method_spec
from ivif_bench.fusion_models.compared.keyed import Seen, Tensors, conv_of, unseen
from ivif_bench.fusion_models.compared.layers import batch_norm, conv_shapes, norm_shapes
from ivif_bench.fusion_models.compared.method import ComparedMethod, ComparedOptions
from ivif_bench.fusion_models.compared.reading import NO_FILE, cv
from ivif_bench.fusion_models.compared.saving import clip_truncate
from ivif_bench.fusion_models.compared.weights import Shapes, convert
from ivif_bench.types import StoredImage

if TYPE_CHECKING:
    from torch import Tensor

MEAN = (0.485, 0.456, 0.406)  # of the classifier's images, R G B
DEVIATION = (0.229, 0.224, 0.225)
LUMA = (0.299, 0.587, 0.114)


class IFCNNOptions(ComparedOptions):
    """Options of IFCNN; ``gray`` matters to the convention ``tno42`` only."""

    reading: ClassVar[str] = "CV-read"

    convention: Literal["authors", "tno42"] = Field(
        "authors",
        description="the authors' script (colour, not normalised), or that of the TNO42 pictures "
        "(gray, normalised as for a classifier)",
    )

    def recipe(self) -> Recipe:
        saved = self.saved_by("clipped, truncated, then gray")
        if self.convention == "authors":
            return Recipe(f"read in colour, not normalised, {saved}")
        return Recipe(f"gray by {self.gray_reading}, normalised as for ImageNet, {saved}")


SPECS = (
    method_spec(
        __name__,
        "ifcnn",
        "IFCNN",
        "IFCNN",
        IFCNNOptions,
        Paper(
            "zhang2020ifcnn",
            "Zhang, Yu and Liu, Yu and Sun, Peng and Yan, Han and Zhao, Xiaolin and Zhang, Li",
            "{IFCNN}: A general image fusion framework based on convolutional neural network",
            "Information Fusion",
            2020,
            "54",
            "99-118",
        ),
        repository="github.com/uzeful/IFCNN",
        licence="none",
        original="IFCNN-MAX.pth",
        sha256="6022b44c88a2f0367ba9b08fcdf0d663745d9a966fca0ee1f41867797b6ff53f",
        source="IFCNN-MAX.pth of github.com/uzeful/IFCNN",
        parameters=83_587,
        seconds=5.0,
        alternative="laplacian",
    ),
)


def shapes() -> Shapes:
    """Every tensor of the file, which is older than the counters of batch norms."""
    found: dict[str, tuple[int, ...]] = {}
    for name in ("conv2", "conv3"):
        found |= conv_shapes(f"{name}.conv", 64, 64, 3, bias=False) | norm_shapes(f"{name}.bn", 64)
        del found[f"{name}.bn.num_batches_tracked"]
    return found | conv_shapes("conv4", 64, 3, 1) | conv_shapes("conv1", 3, 64, 7, bias=False)


def network(tensors: Tensors, first: Tensor, second: Tensor, seen: Seen = unseen) -> Tensor:
    """The whole network; the order of the sources makes no difference.

    Args:
        first, second: [N, 3, H, W], normalised as the recipe says.
        seen: called with each recorded step.

    Returns:
        [N, 3, H, W] in the scale of the sources.
    """
    import torch

    def block(name: str, x: Tensor) -> Tensor:
        x = conv_of(tensors, f"{name}.conv", x, "replicate")
        return batch_norm(x, tensors, f"{name}.bn").relu()

    encoded = []
    for index, source in enumerate((first, second)):
        encoded.append(block("conv2", conv_of(tensors, "conv1", source, "replicate")))
        seen(f"enc{index}", encoded[-1])
    x = block("conv3", torch.maximum(*encoded))
    seen("conv3", x)
    return conv_of(tensors, "conv4", x)


def convert_file(source: Path, target: Path) -> None:
    """The authors' file as safetensors; errors as ``load``."""
    convert(source, target, shapes(), "ifcnn")


class IFCNN(ComparedMethod):
    """IFCNN; its options are ``IFCNNOptions``."""

    name = "ifcnn"
    model = IFCNNOptions

    def shapes(self) -> Shapes:
        return shapes()

    def picture(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        normalised = self.options.convention == "tno42"
        mean = np.array(MEAN if normalised else (0, 0, 0), np.float32)
        deviation = np.array(DEVIATION if normalised else (1, 1, 1), np.float32)
        sides = []
        for image in (infrared, visible):
            levels = np.stack([self.read(image)] * 3, -1) if normalised else rgb_of(image)
            scaled = (levels.astype(np.float32) / 255 - mean) / deviation
            sides.append(self.tensor(*np.moveaxis(scaled, -1, 0)))
        fused = network(self.tensors, sides[0], sides[1])[0].permute(1, 2, 0).cpu().numpy()
        rgb = (fused * deviation + mean).clip(0, 1)
        if self.options.output == "plain":
            plain: np.ndarray = rgb @ np.array(LUMA, np.float32)
            return plain
        return cv(StoredImage(NO_FILE, clip_truncate(rgb)))
