"""Operations of DMNet, counted on the meta device: no weights, no memory, no numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from ivif_bench.fusion_models.dmnet.network import DMNet


def count_operations(options: Mapping[str, Any], height: int, width: int) -> int:
    """Floating-point operations of fusing one pair with the default architecture, in one piece.

    Args:
        options: of the method; tiles and strips are not counted, they repeat work at their borders.
        height, width: of the image, in pixels; padded as the method does.
    """
    with torch.device("meta"):
        network = DMNet().eval().to("meta")  # tables made from numbers as well
        stride = network.options.stride
        size = (height + -height % stride, width + -width % stride)
        image = torch.empty(1, 1, *size)
        noise = torch.empty(1, len(network.options.noise_steps), 2, *size)
        level = torch.empty(1, len(network.options.noise_steps))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(image, image, noise, level)
    return int(counter.get_total_flops())
