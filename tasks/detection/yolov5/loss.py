"""The loss of YOLOv5: boxes by CIoU, objectness of every cell, classes of matched cells.

Source: the fact sheet of YOLOv5 training, part 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ivif_bench.tasks.detection.yolov5.matching import match
from ivif_bench.tasks.detection.yolov5.overlap import complete_iou
from ivif_bench.tasks.detection.yolov5.rules import RULES, Rules
from ivif_bench.tasks.detection.yolov5.settings import LossSettings

# Weights of the levels' objectness: more for fine levels, which have more cells.
_BALANCE = {3: (4.0, 1.0, 0.4)}
_BALANCE_OF_MORE = (4.0, 1.0, 0.25, 0.06, 0.02)
_FOCAL_ALPHA = 0.25


def alone(count: Tensor) -> Tensor:
    """The sum over all processes of a training that has one."""
    return count


class Loss:
    """The loss of one network; it keeps the weights of levels where ``autobalance`` moves them.

    Args:
        settings: weights and switches.
        anchors: float [L, A, 2], in cells of each level; read at every call, as they may be refitted.
        strides: pixels per cell of each level, which say where stride 16 is.
        classes: number of classes.
        image_size: side of training images in pixels, as the protocol has it.
        total: the sum of a tensor over all processes that train together. Means of matched cells are
            taken over the whole batch, so that their gradients do not depend on the processes.
    """

    def __init__(
        self,
        settings: LossSettings,
        anchors: Tensor,
        strides: Sequence[float],
        classes: int,
        image_size: int,
        rules: Rules = RULES["v7.0"],
        total: Callable[[Tensor], Tensor] = alone,
    ) -> None:
        levels = len(strides)
        self.settings = settings
        self.anchors = anchors
        self.classes = classes
        self.rules = rules
        self.total = total
        self.balance = list(_BALANCE.get(levels, _BALANCE_OF_MORE))
        self.reference = list(strides).index(16) if settings.autobalance else 0
        share = 3 / levels
        self.gains = (
            settings.box * share,
            settings.obj * (image_size / 640) ** 2 * share,
            settings.cls * classes / 80 * share,
        )
        self.off = settings.label_smoothing / 2
        self.on = 1 - self.off

    def __call__(self, levels: Sequence[Tensor], targets: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of a batch.

        Args:
            levels: raw predictions of each level, float [B, A, H, W, 5 + classes].
            targets: float [M, 6]: image, class, and centre, width and height in 0..1.

        Returns:
            The loss, summed over the images of the batch, and its parts (box, objectness, class)
            per image, detached, float [3].
        """
        zero = levels[0].new_zeros(())
        box, objectness, label = zero, zero, zero
        for index, raw in enumerate(levels):
            found, of_boxes, of_labels = self._matched(index, raw, targets)
            box, label = box + of_boxes, label + of_labels
            of_cells = self._cross_entropy(raw[..., 4], found, self.settings.obj_pw).mean()
            objectness = objectness + of_cells * self.balance[index]
            if self.settings.autobalance:
                kept = self.balance[index] * 0.9999
                self.balance[index] = kept + 0.0001 / of_cells.detach().item()
        if self.settings.autobalance:
            reference = self.balance[self.reference]
            self.balance = [weight / reference for weight in self.balance]
        parts = torch.stack(
            [part * gain for part, gain in zip((box, objectness, label), self.gains, strict=True)]
        )
        return parts.sum() * len(levels[0]), parts.detach()

    def _matched(self, index: int, raw: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Target of every cell's objectness, and the losses of boxes and classes of one level."""
        objectness = raw.new_zeros(raw.shape[:-1])
        batch, _, height, width, _ = raw.shape
        size = (height, width)
        rows = match(targets, self.anchors[index].to(targets), size, self.settings.anchor_t)
        local = len(rows.image)
        count = self.total(raw.new_tensor(float(local)))
        # Every process scales by its own part of the batch; the gradients are summed.
        share = self.total(raw.new_tensor(float(batch))) / batch / count.clamp(min=1)
        if not local:
            nothing = raw.sum() * 0  # all processes need the same graph
            return objectness, nothing, nothing
        chosen = raw[rows.image, rows.anchor, rows.row, rows.column]
        xy = chosen[:, :2].sigmoid() * 2 - 0.5
        wh = (chosen[:, 2:4].sigmoid() * 2) ** 2 * rows.size.to(raw)
        overlap = complete_iou(torch.cat((xy, wh), 1), rows.box.to(raw), self.rules.overlap)
        box = (1 - overlap).sum() * share
        self._fill(objectness, rows[:4], overlap.detach().clamp(0).to(objectness.dtype))
        if self.classes == 1:
            return objectness, box, box.new_zeros(())
        wanted = torch.full_like(chosen[:, 5:], self.off)
        wanted[torch.arange(local, device=raw.device), rows.label] = self.on
        errors = self._cross_entropy(chosen[:, 5:], wanted, self.settings.cls_pw)
        return objectness, box, errors.sum() * (share / self.classes)

    def _fill(self, objectness: Tensor, cells: Sequence[Tensor], overlap: Tensor) -> None:
        """Set cells to their overlap; of several rows for one cell the last one counts, everywhere."""
        if self.settings.sort_overlaps:
            order = overlap.argsort()
            cells, overlap = [each[order] for each in cells], overlap[order]
        flat = objectness.view(-1)
        place = torch.zeros_like(cells[0])
        for number, length in zip(cells, objectness.shape, strict=True):
            place = place * length + number
        turn = torch.arange(len(place), device=place.device)
        last = torch.zeros_like(flat, dtype=torch.int64)
        last.scatter_reduce_(0, place, turn, "amax", include_self=False)
        wins = last[place] == turn
        flat[place[wins]] = overlap[wins]

    def _cross_entropy(self, logits: Tensor, wanted: Tensor, positive: float) -> Tensor:
        weight = logits.new_tensor(positive)
        errors = binary_cross_entropy_with_logits(
            logits, wanted, pos_weight=weight, reduction="none"
        )
        gamma = self.settings.fl_gamma
        if gamma <= 0:
            return errors
        score = logits.sigmoid()
        right = wanted * score + (1 - wanted) * (1 - score)
        alpha = wanted * _FOCAL_ALPHA + (1 - wanted) * (1 - _FOCAL_ALPHA)
        return errors * alpha * (1 - right) ** gamma
