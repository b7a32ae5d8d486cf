"""Which cells of a level predict which objects during training.

Source: the fact sheet of YOLOv5 training, part 2.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Matches(NamedTuple):
    """Cells of one level with the object that each must predict; N rows.

    Attributes:
        image, anchor, row, column: int64 [N], where the prediction is.
        box: float [N, 4], centre relative to the cell, width and height, in cells.
        size: float [N, 2], width and height of the anchor, in cells.
        label: int64 [N], class of the object.
    """

    image: Tensor
    anchor: Tensor
    row: Tensor
    column: Tensor
    box: Tensor
    size: Tensor
    label: Tensor


# In cells: an object is also predicted by the neighbours that its centre is near to.
_NEIGHBOURS = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (-0.5, 0.0), (0.0, -0.5))


def match(targets: Tensor, anchors: Tensor, grid: tuple[int, int], threshold: float) -> Matches:
    """Match objects with the anchors and cells of one level.

    Args:
        targets: float [M, 6]: image, class, and centre, width and height as fractions of the image.
        anchors: float [A, 2], widths and heights in cells.
        grid: height and width of the level in cells.
        threshold: an anchor fits if width and height both differ by a smaller factor.

    Returns:
        Rows by neighbour (own cell, left, up, right, down), then by anchor, then by target.
    """
    height, width = grid
    cells = targets.new_tensor((width, height))
    centres, sizes = targets[:, 2:4] * cells, targets[:, 4:6] * cells
    ratios = sizes[None] / anchors[:, None]
    fits = torch.maximum(ratios, 1 / ratios).amax(2) < threshold
    anchor, target = fits.nonzero(as_tuple=True)
    centre = centres[target]
    rest = cells - centre
    near_start = (centre % 1 < 0.5) & (centre > 1)
    near_end = (rest % 1 < 0.5) & (rest > 1)
    own = torch.ones_like(target, dtype=torch.bool)
    neighbour, chosen = torch.stack((own, *near_start.T, *near_end.T)).nonzero(as_tuple=True)
    anchor, target, centre = anchor[chosen], target[chosen], centre[chosen]
    cell = (centre - targets.new_tensor(_NEIGHBOURS)[neighbour]).long()
    column, row = cell[:, 0].clamp(0, width - 1), cell[:, 1].clamp(0, height - 1)
    return Matches(
        image=targets[target, 0].long(),
        anchor=anchor,
        row=row,
        column=column,
        box=torch.cat((centre - torch.stack((column, row), 1), sizes[target]), 1),
        size=anchors[anchor],
        label=targets[target, 1].long(),
    )
