"""DMNet as a fusion method: weights in, gray images out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from ivif_bench.device import device_of, strict_float32
from ivif_bench.fusion import METHODS, FusionMethod
from ivif_bench.fusion_models.baselines import luma
from ivif_bench.fusion_models.dmnet.files import read_weights
from ivif_bench.fusion_models.dmnet.inference import fuse_image
from ivif_bench.fusion_models.dmnet.strips import use_strips
from ivif_bench.validation import checked
from ivif_bench.weights import locate


class Options(BaseModel):
    """How the method runs.

    Attributes:
        weights: file written by ``ivif-bench train dmnet``; by default ``dmnet.safetensors`` in the
            folder of all weights.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda``, ``cuda:1``.
        strips: compute layers in strips of so many rows to save memory, 0 for whole images; the
            result is the same.
        tile: fuse in square tiles of this side where images are larger, 0 for whole images; an
            approximation, see ``inference``.
        overlap: what neighbouring tiles share.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    weights: str | None = None
    device: str = "auto"
    strips: int = Field(0, ge=0)
    tile: int = Field(0, ge=0, multiple_of=16)
    overlap: int = Field(64, ge=0)

    @model_validator(mode="after")
    def _fit(self) -> Options:
        if 0 < self.strips < 4:
            raise ValueError(f"strips must be 0 or at least 4 rows, not {self.strips}")
        if self.tile and self.overlap >= self.tile:
            raise ValueError(f"tile {self.tile} must be larger than overlap {self.overlap}")
        return self


class DMNetFusion(FusionMethod):
    """DMNet with the user's weights; the network is whatever the file describes.

    Args:
        **options: see ``Options``.

    Raises:
        UserError: no weights, a file that is none, or a wrong option.
    """

    name = "dmnet"

    def __init__(self, **options: Any) -> None:
        self.options = checked(Options, options, self.name)
        self.device = device_of(self.options.device, self.name)
        spec = METHODS.get(self.name)
        network, _ = read_weights(locate(spec, spec.weights[0], self.options.weights))
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        if self.options.strips:
            use_strips(self.network, self.options.strips)

    def fuse(self, infrared: Tensor, visible: Tensor, seeds: Sequence[int]) -> Tensor:
        gray = luma(visible)
        with strict_float32():
            fused = [
                fuse_image(
                    self.network,
                    infrared[index : index + 1].to(self.device),
                    gray[index : index + 1].to(self.device),
                    seed,
                    self.options.tile,
                    self.options.overlap,
                ).cpu()
                for index, seed in enumerate(seeds)
            ]
        return torch.cat(fused)


class DMNetLite(DMNetFusion):
    """The shipped narrow DMNet; never to be taken for DMNet."""

    name = "dmnet-lite"
