"""DMNet as a fusion method: weights in, gray images out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ivif_bench.device import device_of, strict_float32
from ivif_bench.features import FeatureMap
from ivif_bench.fusion import METHODS, FusionMethod
from ivif_bench.fusion_models.baselines import luma
from ivif_bench.fusion_models.dmnet.files import read_weights
from ivif_bench.fusion_models.dmnet.inference import fuse_image
from ivif_bench.fusion_models.dmnet.maps import maps_of
from ivif_bench.fusion_models.dmnet.options import DMNetOptions
from ivif_bench.fusion_models.dmnet.strips import use_strips
from ivif_bench.validation import checked
from ivif_bench.weights import locate


class DMNetFusion(FusionMethod):
    """DMNet with the user's weights; the file describes the network.

    Args:
        **options: see ``DMNetOptions``.

    Raises:
        UserError: no weights, not a weights file, or a wrong option.
    """

    name = "dmnet"

    def __init__(self, **options: Any) -> None:
        self.options = checked(DMNetOptions, options, self.name)
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

    def feature_maps(self) -> Mapping[str, FeatureMap]:
        """Maps of ``dmnet.maps``; of an image in tiles, those of its first tile."""
        return maps_of(self.network)


class DMNetLite(DMNetFusion):
    """The shipped narrow DMNet; its results are not DMNet's."""

    name = "dmnet-lite"
