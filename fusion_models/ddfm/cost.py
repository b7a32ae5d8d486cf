"""Operations of DDFM's network, counted on the meta device: no weights, no memory, no numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from ivif_bench.fusion_models.ddfm.options import DDFMOptions
from ivif_bench.fusion_models.ddfm.prior import ADM, build
from ivif_bench.validation import checked


def count_operations(options: Mapping[str, Any], height: int, width: int) -> int:
    """Floating-point operations of all sampling steps for one pair with the published prior.

    Args:
        options: of the method; ``steps`` and ``chain_scale`` count.
        height, width: of the image, in pixels; padded as the method does.
    """
    given = checked(DDFMOptions, dict(options), "ddfm")
    if given.ablation == "no_ddpm":
        return 0
    scale = given.chain_scale
    stride = ADM.stride * scale
    inner = [(side + -side % stride) // scale for side in (height, width)]
    with torch.device("meta"):
        network = build(ADM).eval()
        image = torch.empty(1, 3, *inner)
        step = torch.empty((1,), dtype=torch.int64)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(image, step)
    return int(counter.get_total_flops()) * given.steps
