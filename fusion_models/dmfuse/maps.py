"""DMFuse's intermediate maps: what the diffusion network gives, encoded, fused and decoded, by scale."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ivif_bench.features import FeatureMap
from ivif_bench.fusion_models.dmfuse.head import FusionHead


def maps_of(head: FusionHead) -> dict[str, FeatureMap]:
    """Maps of fusing one pair, by name; scale 1 is the finest, k has 1 / 2^(k-1) of the sides."""
    encoders = (head.en0, head.en1, head.en2, head.en3, head.en3)
    maps: dict[str, FeatureMap] = {}
    for at, encoder in enumerate(encoders):
        k, scale = at + 1, 2**at
        shared = encoders.count(encoder)  # the two coarsest scales share one, finer first
        for order, name in enumerate(("infrared", "visible")):
            call = order * shared + (at - encoders.index(encoder))
            maps[f"diffusion-{name}-{k}"] = FeatureMap(
                f"diffusion features of {name}, scale 1/{scale}, three steps one after another",
                encoder,
                call,
                lambda inputs, _: inputs[0],
                scale,
                main=False,
            )
            maps[f"encoded-{name}-{k}"] = FeatureMap(
                f"the same, encoded by scSE ({name}, 1/{scale})", encoder, call, scale=scale
            )
        maps[f"fused-{k}"] = FeatureMap(
            f"both after criss-cross attention, scale 1/{scale}",
            head.crossatten,
            at,
            lambda _, output: _both(output),
            scale,
        )
    for call in range(len(encoders) - 1):
        k = len(encoders) - 1 - call
        maps[f"decoded-{k}"] = FeatureMap(
            f"decoder level at scale 1/{2 ** (k - 1)}, before its LeakyReLU",
            head.conv_t4,
            call,
            scale=2 ** (k - 1),
            main=k == 1,
        )
    return maps


def _both(output: Any) -> Tensor:
    return torch.cat(output, dim=1)
