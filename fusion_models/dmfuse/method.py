"""DMFuse as a fusion method: weights, one image at a time, gray out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ivif_bench.device import device_of, strict_float32
from ivif_bench.errors import UserError
from ivif_bench.features import FeatureMap
from ivif_bench.fusion import METHODS, FusionMethod, MethodSpec, WeightsSpec
from ivif_bench.fusion_models.dmfuse.imaging import finish, gray_levels, prepare
from ivif_bench.fusion_models.dmfuse.maps import maps_of
from ivif_bench.fusion_models.dmfuse.networks import (
    Networks,
    diffusion_features,
    load_diffusion,
    load_head,
    load_networks,
)
from ivif_bench.fusion_models.dmfuse.noise import Draws
from ivif_bench.fusion_models.dmfuse.options import DMFuseLiteOptions, DMFuseOptions
from ivif_bench.tensors import read_tensors
from ivif_bench.validation import checked
from ivif_bench.weights import locate, sha256_of


class Fuser:
    """Both networks on a device; fuses one pair of gray pictures."""

    def __init__(self, networks: Networks, device: torch.device) -> None:
        self.diffusion = networks.diffusion.to(device)
        self.head = networks.head.to(device)
        self.device = device

    def encode(self, levels: Tensor, draws: Draws) -> list[Tensor]:
        """Encoded features of one picture, five scales; levels float32 [1, 1, H, W] in 0..255."""
        picture = prepare(levels.to(self.device))
        passes = draws.passes((picture.shape[2], picture.shape[3]))
        return self.head.encode(diffusion_features(self.diffusion, picture, passes))

    def output(self, infrared: Tensor, visible: Tensor, draws: Draws) -> Tensor:
        """The head's output in (-1, 1) at the padded size, from gray levels as for ``encode``."""
        # One modality after the other: the order of the draws, and half the features in memory.
        encoded = [self.encode(levels, draws) for levels in (infrared, visible)]
        return self.head.joined(*encoded)


class DMFuse(FusionMethod):
    """DMFuse with the user's files.

    Args:
        **options: see ``DMFuseOptions``.

    Raises:
        UserError: a file is missing or does not fit, or an option is wrong.
    """

    name = "dmfuse"

    def __init__(self, **options: Any) -> None:
        self.options = self._checked(options)
        device = device_of(self.options.device, self.name)
        if self.options.fused and device.type != "cuda":
            raise UserError(f"{self.name}: fused needs a CUDA device; leave it out on the CPU")
        networks = self._networks()
        attention = networks.head.crossatten
        attention.memory_budget, attention.fused = self.options.memory_budget, self.options.fused
        self.fuser = Fuser(networks, device)
        seeds = self.options.official_seeds
        self._running = Draws.official(*seeds) if seeds else None

    def fuse(self, infrared: Tensor, visible: Tensor, seeds: Sequence[int]) -> Tensor:
        infrared_levels, visible_levels = (infrared * 255).round(), gray_levels(visible)
        size = (infrared.shape[2], infrared.shape[3])
        fused = []
        with torch.inference_mode(), strict_float32():
            for index, seed in enumerate(seeds):
                one = slice(index, index + 1)
                draws = self._running or Draws.of_image(seed)
                out = self.fuser.output(infrared_levels[one], visible_levels[one], draws)
                fused.append(finish(out, size).cpu())
        return torch.cat(fused)

    def feature_maps(self) -> Mapping[str, FeatureMap]:
        """Maps of ``dmfuse.maps``."""
        return maps_of(self.fuser.head)

    def _checked(self, options: dict[str, Any]) -> DMFuseLiteOptions:
        return checked(DMFuseOptions, options, self.name)

    def _networks(self) -> Networks:
        options = self.options
        assert isinstance(options, DMFuseOptions)
        if options.weights is not None:
            return _joint(Path(options.weights))
        spec = METHODS.get(self.name)
        diffusion_path, head_path = (
            _published(spec, file, given)
            for file, given in zip(spec.weights, (options.diffusion, options.head), strict=True)
        )
        network = load_diffusion(read_tensors(diffusion_path), str(diffusion_path))
        return Networks(network, load_head(read_tensors(head_path), network, str(head_path)))


class DMFuseLite(DMFuse):
    """DMFuse's topology, narrower, with weights that this project trained; not the paper's model."""

    name = "dmfuse-lite"

    def _checked(self, options: dict[str, Any]) -> DMFuseLiteOptions:
        return checked(DMFuseLiteOptions, options, self.name)

    def _networks(self) -> Networks:
        spec = METHODS.get(self.name)
        return _joint(locate(spec, spec.weights[0], self.options.weights))


def _joint(path: Path) -> Networks:
    return load_networks(read_tensors(path), str(path))


def _published(spec: MethodSpec, file: WeightsSpec, given: str | None) -> Path:
    """The path of a file; one that was not named by the user must be the published one.

    Raises:
        UserError: it is missing, or another than its checksum says.
    """
    path = locate(spec, file, given)
    if given is None and file.sha256 and sha256_of(path) != file.sha256:
        raise UserError(
            f"{spec.name}: {path} is not the published file (sha256 {file.sha256}); put that there, "
            f"or name your own by the option {file.option!r}"
        )
    return path
