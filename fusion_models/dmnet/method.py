"""DMNet as a fusion method: weights in, gray images out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from bench.device import device_of, strict_float32
from bench.errors import UserError
from bench.fusion import METHODS, FusionMethod
from bench.weights import locate, weights_folder
from fusion_models.baselines import luma
from fusion_models.dmnet.files import read_weights
from fusion_models.dmnet.inference import fuse_image
from fusion_models.dmnet.strips import use_strips


class DMNetFusion(FusionMethod):
    """DMNet with the user's weights; the network is whatever the file describes.

    Args:
        weights: file written by ``ivif-bench train dmnet``; by default ``dmnet.safetensors`` in the
            folder of all weights.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda``, ``cuda:1``.
        strips: compute layers in strips of so many rows to save memory, 0 for whole images; the
            result is the same.
        tile: fuse in square tiles of this side where images are larger, 0 for whole images; an
            approximation, see ``inference``.
        overlap: what neighbouring tiles share.
    """

    def __init__(
        self,
        weights: str | Path | None = None,
        device: str = "auto",
        strips: int = 0,
        tile: int = 0,
        overlap: int = 64,
    ) -> None:
        if strips < 0 or 0 < strips < 4:
            raise UserError(f"dmnet: strips must be 0 or at least 4 rows, not {strips}")
        if tile < 0 or tile % 16 or (tile and not 0 <= overlap < tile):
            raise UserError(
                f"dmnet: tile must be a multiple of 16 and larger than overlap, not {tile} with "
                f"overlap {overlap}"
            )
        self.device = device_of(device, "dmnet")
        network, self.about = read_weights(self._file(weights))
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        if strips:
            use_strips(self.network, strips)
        self.tile, self.overlap = tile, overlap

    def _file(self, given: str | Path | None) -> Path:
        """The user's file: the one given, or the one in the folder of all weights."""
        path = (
            weights_folder() / METHODS.get("dmnet").weights[0].name
            if given is None
            else Path(given)
        )
        if not path.is_file():
            raise UserError(
                f"dmnet: no weights file {path}; nobody published any: train your own with "
                "'ivif-bench train dmnet --data msrs=FOLDER --out OUT' and give the option "
                "weights: OUT/dmnet.safetensors; dmnet-lite runs without"
            )
        return path

    def fuse(self, infrared: Tensor, visible: Tensor, seeds: Sequence[int]) -> Tensor:
        gray = luma(visible)
        with strict_float32():
            fused = [
                fuse_image(
                    self.network,
                    infrared[index : index + 1].to(self.device),
                    gray[index : index + 1].to(self.device),
                    seed,
                    self.tile,
                    self.overlap,
                ).cpu()
                for index, seed in enumerate(seeds)
            ]
        return torch.cat(fused)


class DMNetLite(DMNetFusion):
    """The shipped narrow DMNet; options as ``DMNetFusion`` but for the weights."""

    def __init__(
        self, device: str = "auto", strips: int = 0, tile: int = 0, overlap: int = 64
    ) -> None:
        super().__init__(None, device, strips, tile, overlap)

    def _file(self, given: str | Path | None) -> Path:
        spec = METHODS.get("dmnet-lite")
        return locate(spec, spec.weights[0])
