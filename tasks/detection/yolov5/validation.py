"""The validation after an epoch: loss, precision, recall and AP as YOLOv5 counts them.

Source: the fact sheet of YOLOv5 training, part 8. Pickled or half-precision models play no part:
the moving average is validated in float32 on every device.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ivif_bench.tasks.detection.geometry import candidates, suppress
from ivif_bench.tasks.detection.yolov5.loader import validation_batches
from ivif_bench.tasks.detection.yolov5.loss import Loss
from ivif_bench.tasks.detection.yolov5.network import Model
from ivif_bench.tasks.detection.yolov5.samples import ResizedImages
from ivif_bench.tasks.detection.yolov5_ap import iou_matrix, match
from ivif_bench.tasks.detection.yolov5_curves import Curve, curves

_CONFIDENCE = 0.001
_NMS_IOU = 0.6
_BOXES = 300


class Validation(NamedTuple):
    """Results of one validation.

    Attributes:
        loss: parts of the loss (box, objectness, class), means over the batches.
        precision, recall: means over the classes, at the confidence with the best mean F1.
        map50, map50_95: means over the classes that have objects.
        ap: float64 [classes], mean over the thresholds; ``map50_95`` for classes without objects.
    """

    loss: tuple[float, float, float]
    precision: float
    recall: float
    map50: float
    map50_95: float
    ap: np.ndarray

    @property
    def fitness(self) -> float:
        """What the best epoch has most of."""
        return 0.1 * self.map50 + 0.9 * self.map50_95


@torch.inference_mode()
def validate(
    network: Model, images: ResizedImages, batch: int, loss: Loss, once: bool = False
) -> Validation:
    """Validate a network in evaluation mode.

    Args:
        images: read with ``augment=False``.
        batch: images at once, in rectangles of their shape.
        loss: with the network's anchors.
        once: pair boxes at IoU 0.5 for all thresholds, as before v6.2.
    """
    device = next(network.parameters()).device
    parts = torch.zeros(3)
    batches = 0
    hits: list[np.ndarray] = []
    scores: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    wanted: list[np.ndarray] = []
    for given in validation_batches(images, batch):
        pictures = given.images.to(device).float() / 255
        levels = network(pictures)
        parts += loss(levels, given.targets.to(device))[1].cpu()
        batches += 1
        boxes, confidence = network.detect.decode(levels)
        for index, number in enumerate(given.indices):
            found = _detections(boxes[index], confidence[index])
            corners = given.places[index].to_image(found[0].cpu().numpy())
            rows = images.rows[number]
            hits.append(_hits(corners, found[2].cpu().numpy(), rows, images.sizes[number], once))
            scores.append(found[1].cpu().numpy())
            labels.append(found[2].cpu().numpy())
            wanted.append(rows[:, 0].astype(int))
    found_curves: list[Curve] = curves(
        np.concatenate(hits), np.concatenate(scores), np.concatenate(labels), np.concatenate(wanted)
    )
    means = np.mean([[c.precision, c.recall, c.ap[0], c.ap.mean()] for c in found_curves], axis=0)
    precision, recall, map50, map50_95 = means.tolist()
    box, objectness, label = (parts / batches).tolist()
    ap = np.full(network.detect.no - 5, map50_95)
    for curve in found_curves:
        ap[curve.label] = curve.ap.mean()
    return Validation((box, objectness, label), precision, recall, map50, map50_95, ap)


def _detections(boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Corners [K, 4], scores [K] and classes [K] after suppression, best first.

    Args:
        boxes: [N, 4], centre and size in input pixels.
        scores: [N, 1 + classes], objectness and classes.
    """
    sure = scores[:, 0] > _CONFIDENCE
    products = scores[sure, :1] * scores[sure, 1:]
    several = products.shape[1] > 1
    found = candidates(boxes[sure], products, _CONFIDENCE, several)
    kept = suppress(*found, _NMS_IOU, _BOXES)
    return found[0][kept], found[1][kept], found[2][kept]


def _hits(
    corners: np.ndarray, labels: np.ndarray, rows: np.ndarray, size: np.ndarray, once: bool
) -> np.ndarray:
    """bool [K, thresholds]: which detections find an object of their class in one image."""
    height, width = size.tolist()
    half = rows[:, 3:5] / 2
    truth = np.concatenate((rows[:, 1:3] - half, rows[:, 1:3] + half), axis=1)
    overlaps = iou_matrix(truth * (width, height, width, height), corners)
    overlaps[rows[:, :1].astype(int) != labels[None]] = 0
    return match(overlaps, once=once)
