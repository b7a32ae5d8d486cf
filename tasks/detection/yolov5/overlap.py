"""Complete IoU of boxes given by centre and size (Zheng et al., AAAI 2020, eq. 10-11)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

_EPS = 1e-7


def complete_iou(
    first: Tensor, second: Tensor, rule: Literal["corners", "height", "plain"] = "plain"
) -> Tensor:
    """IoU less the distance of the centres and the difference of the aspects.

    Args:
        first, second: float [N, 4], centre, width and height; the aspect's weight takes no gradient.
        rule: ``plain`` as YOLOv5 v7.0; ``height`` adds 1e-7 to heights under the arc tangent (v6.2);
            ``corners`` takes sizes from the corners, with 1e-7 added to heights (v6.0, v6.1).

    Returns:
        float [N], at most 1.
    """
    xy1, wh1 = first[:, :2], first[:, 2:]
    xy2, wh2 = second[:, :2], second[:, 2:]
    low1, high1, low2, high2 = xy1 - wh1 / 2, xy1 + wh1 / 2, xy2 - wh2 / 2, xy2 + wh2 / 2
    if rule == "corners":
        above = wh1.new_tensor((0, _EPS))
        wh1, wh2 = high1 - low1 + above, high2 - low2 + above
    shared = (torch.minimum(high1, high2) - torch.maximum(low1, low2)).clamp(0).prod(1)
    union = wh1.prod(1) + wh2.prod(1) - shared + _EPS
    iou = shared / union
    around = torch.maximum(high1, high2) - torch.minimum(low1, low2)
    diagonal = around.square().sum(1) + _EPS
    distance = (low2 + high2 - low1 - high1).square().sum(1) / 4
    above_height = _EPS if rule == "height" else 0.0
    angle1 = torch.atan(wh1[:, 0] / (wh1[:, 1] + above_height))
    angle2 = torch.atan(wh2[:, 0] / (wh2[:, 1] + above_height))
    aspect = (4 / math.pi**2) * (angle2 - angle1).square()
    with torch.no_grad():
        weight = aspect / (aspect - iou + (1 + _EPS))
    return iou - (distance / diagonal + aspect * weight)
