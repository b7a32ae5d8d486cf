"""TarDAL: one dense generator for both sources, trained against discriminators of targets and detail.

Liu et al.: "Target-aware Dual Adversarial Learning and a Multi-scenario Multi-Modality Benchmark to Fuse
Infrared and Visible for Object Detection", CVPR 2022. Three weights share the network: TarDAL (for
viewers), TarDAL+ (for detectors) and TarDAL++ (for both).

The authors run TarDAL without evaluation mode: batch normalisation then uses mean and variance of the
picture at hand, and every pixel depends on the whole picture. ``norm`` chooses; docs/methods/compared.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from ivif_bench.data.images import rgb_of
from ivif_bench.fusion import MethodSpec, Recipe
from ivif_bench.fusion_models.compared.colour import opencv_join, opencv_split
from ivif_bench.fusion_models.compared.declared import Paper, method_spec
from ivif_bench.fusion_models.compared.keyed import Seen, Tensors, conv_of, unseen
from ivif_bench.fusion_models.compared.layers import batch_norm, conv_shapes, norm_shapes
from ivif_bench.fusion_models.compared.method import ComparedMethod, ComparedOptions
from ivif_bench.fusion_models.compared.saving import clip_truncate, round_half_even
from ivif_bench.fusion_models.compared.weights import Shapes, convert
from ivif_bench.types import StoredImage

if TYPE_CHECKING:
    from torch import Tensor


class TarDALOptions(ComparedOptions):
    """Options of TarDAL+ and TarDAL++."""

    reading: ClassVar[str] = "CV"
    by_picture: ClassVar[bool] = False  # whether the authors normalise by the picture's statistics

    norm: Literal["authors", "file", "picture"] = Field(
        "authors",
        description="statistics of the batch norms: as the authors run these weights, those in the "
        "file, or those of each picture",
    )
    colour: Literal["none", "restored"] = Field(
        "none",
        description="none, or the visible image's, as the authors' tutorial restores it",
    )

    @property
    def of_picture(self) -> bool:
        """Whether batch norms use the statistics of the picture at hand."""
        return self.by_picture if self.norm == "authors" else self.norm == "picture"

    def recipe(self) -> Recipe:
        statistics = "each picture" if self.of_picture else "the file"
        coloured = self.colour == "restored"
        saved = self.saved_by("clipped, truncated" if coloured else "clipped, rounded")
        norm = f"batch norms by the statistics of {statistics}"
        return Recipe(f"gray by {self.gray_reading}, {norm}, {saved}")


class TarDALViewerOptions(TarDALOptions):
    """Options of TarDAL, whose authors leave the network in training mode."""

    by_picture: ClassVar[bool] = True


_PAPER = Paper(
    "liu2022tardal",
    "Liu, Jinyuan and Fan, Xin and Huang, Zhanbo and Wu, Guanyao and Liu, Risheng and Zhong, Wei and "
    "Luo, Zhongxuan",
    "Target-aware Dual Adversarial Learning and a Multi-scenario Multi-Modality Benchmark to Fuse "
    "Infrared and Visible for Object Detection",
    "CVPR",
    2022,
    pages="5802-5811",
    proceedings="IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)",
)


_SHA256 = {  # of TarDAL, TarDAL+, TarDAL++
    "": "e0fa61e25cffa9fb14ff17b47ea7ba237a6e8c6f37e1b9b115d63354ff0f13e1",
    "+": "cff3756548b511e3e415616debc557cdc85b3bb19393ca158cac8d08f232897c",
    "++": "7009d125e36db043d6918d9358e10c6dca7fdf2dd08ada09c5ecd294f45f98c5",
}


def _spec(plus: str, sha256: str) -> MethodSpec:
    file = f"tardal{plus}.pt"
    return method_spec(
        __name__,
        "-".join(filter(None, ("tardal", "plus" * len(plus)))),
        "TarDAL" + "Plus" * len(plus),
        f"TarDAL{plus}",
        TarDALOptions if plus else TarDALViewerOptions,
        _PAPER,
        repository="github.com/JinyuanLiu-CV/TarDAL",
        commit="1d1d1e9",
        licence="GPL-3.0",
        original=file,
        sha256=sha256,
        path=f"weights/{file}",
        parameters=296_577,
        seconds=9.0,
        smallest=2,  # statistics of a picture need more than a pixel
        alternative="laplacian",
    )


SPECS = tuple(_spec(plus, sha256) for plus, sha256 in _SHA256.items())


def shapes() -> Shapes:
    """Every tensor of the file."""
    found = conv_shapes("encoder.0", 2, 32, 3) | norm_shapes("encoder.1", 32)
    for index in range(3):
        found |= conv_shapes(f"dense.{index}.0", 32 * (index + 1), 32, 3)
        found |= norm_shapes(f"dense.{index}.1", 32)
    found |= conv_shapes("fuse.0.0", 128, 128, 3)
    for index, inputs, outputs in ((1, 128, 64), (2, 64, 32)):
        found |= conv_shapes(f"fuse.{index}.0", inputs, outputs, 3)
        found |= norm_shapes(f"fuse.{index}.1", outputs)
    return found | conv_shapes("fuse.3.0", 32, 1, 3)


def network(
    tensors: Tensors,
    infrared: Tensor,
    visible: Tensor,
    of_picture: bool = False,
    seen: Seen = unseen,
) -> Tensor:
    """The generator.

    Args:
        infrared, visible: gray [1, 1, H, W] in [0, 1].
        of_picture: normalise by the statistics of this picture instead of those in the file.
        seen: called with each recorded step.

    Returns:
        [1, 1, H, W] in [-1, 1]; the authors clip it to [0, 1].
    """
    import torch

    def block(name: str, x: Tensor) -> Tensor:
        x = conv_of(tensors, f"{name}.0", x)
        return batch_norm(x, tensors, f"{name}.1", of_picture).relu()

    features = block("encoder", torch.cat((infrared, visible), 1))
    seen("enc", features)
    for index in range(3):
        new = block(f"dense.{index}", features)
        seen(f"dense{index}", new)
        features = torch.cat((features, new), 1)
    features = conv_of(tensors, "fuse.0.0", features).relu()
    seen("fuse0", features)
    features = block("fuse.2", block("fuse.1", features))
    seen("fuse2", features)
    fused = conv_of(tensors, "fuse.3.0", features).tanh()
    seen("tanh", fused)
    return fused


def convert_file(source: Path, target: Path) -> None:
    """The authors' file as safetensors; errors as ``load``."""
    convert(source, target, shapes(), "tardal")


class TarDAL(ComparedMethod):
    """TarDAL; its options are ``TarDALViewerOptions``."""

    name = "tardal"
    model: ClassVar[type[ComparedOptions]] = TarDALViewerOptions

    def shapes(self) -> Shapes:
        return shapes()

    def picture(self, infrared: StoredImage, visible: StoredImage) -> np.ndarray:
        fused = network(self.tensors, *self.units(infrared, visible), self.options.of_picture)
        y = fused.clamp(0, 1)[0, 0].cpu().numpy()
        if self.options.colour == "none":
            return self.saved(y, round_half_even, y)
        ycrcb = opencv_split(rgb_of(visible))
        ycrcb[..., 0] = self.saved(y, clip_truncate, round_half_even(y))
        return opencv_join(ycrcb)


class TarDALPlus(TarDAL):
    """TarDAL+; its options are ``TarDALOptions``."""

    name = "tardal-plus"
    model = TarDALOptions


class TarDALPlusPlus(TarDALPlus):
    """TarDAL++; its options are ``TarDALOptions``."""

    name = "tardal-plusplus"
