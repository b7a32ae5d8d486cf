"""Predictions of a network of mmsegmentation: one view of an image, or an average over several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ivif_bench.tasks.segmentation.segmenters._mmseg_recipe import MmsegInference
from ivif_bench.tasks.segmentation.segmenters._mmseg_statistics import Statistics

if TYPE_CHECKING:
    from torch import Tensor

Logits = Callable[["Tensor"], "Tensor"]
"""From normalised images [1, 3, h, w] to logits [1, classes, h, w]."""


def predicted_by(
    model: Any, image: np.ndarray, statistics: Statistics, options: MmsegInference
) -> np.ndarray:
    """Class ids of an image by a network of mmsegmentation, as ``predicted_classes``."""
    import torch

    mean, deviation = (
        np.array(values, np.float32) for values in (statistics.mean, statistics.deviation)
    )
    device = next(model.parameters()).device

    def normalised(rgb: np.ndarray) -> Tensor:
        normal = (rgb.astype(np.float32) - mean) / deviation
        return torch.from_numpy(normal.transpose(2, 0, 1)[None]).to(device)

    def logits_of(batch: Tensor) -> Tensor:
        found: Tensor = model.encode_decode(batch, [{"img_shape": tuple(batch.shape[2:])}])
        return found

    return predicted_classes(image, options, normalised, logits_of)


def predicted_classes(
    image: np.ndarray,
    options: MmsegInference,
    normalised: Callable[[np.ndarray], Tensor],
    logits_of: Logits,
) -> np.ndarray:
    """Class ids of an image, uint8 [H, W].

    With one view these are the largest logits at the image's size; with several, the largest mean of
    their softmax probabilities, each brought to the image's size first.

    Args:
        image: RGB uint8 [H, W, 3].
        normalised: from RGB uint8 [h, w, 3] to what the network takes.
    """
    import torch
    from torch.nn.functional import interpolate

    size = image.shape[:2]
    single = len(options.scales) == 1 and not options.flip
    total = None
    for view, mirrored in _views(image, options):
        batch = normalised(view)
        found = logits_of(batch) if options.window is None else _slid(batch, options, logits_of)
        if mirrored:
            found = found.flip(3)
        if found.shape[2:] != size:
            found = interpolate(found, size=size, mode="bilinear", align_corners=False)
        if not single:
            found = found.softmax(1)
        total = found if total is None else total + found
    assert total is not None
    classes: np.ndarray = total.argmax(1)[0].to(torch.uint8).cpu().numpy()
    return classes


def _views(image: np.ndarray, options: MmsegInference) -> Iterator[tuple[np.ndarray, bool]]:
    """The image at every scale, as it is and mirrored; and whether it is mirrored."""
    for scale in options.scales:
        height, width = (round(side * scale) for side in options.image_size)
        view = image
        if view.shape[:2] != (height, width):
            view = cv2.resize(view, (width, height), interpolation=cv2.INTER_LINEAR)
        yield view, False
        if options.flip:
            yield np.ascontiguousarray(view[:, ::-1]), True


def _slid(batch: Tensor, options: MmsegInference, logits_of: Logits) -> Tensor:
    """Logits of an image larger than the window: their mean over the windows that see a pixel."""
    import torch

    assert options.window is not None
    height, width = batch.shape[2:]
    total, seen = None, torch.zeros((1, 1, height, width), device=batch.device)
    for top, bottom in _spans(height, options.window[0], options.steps[0]):
        for left, right in _spans(width, options.window[1], options.steps[1]):
            part = logits_of(batch[:, :, top:bottom, left:right])
            if total is None:
                total = part.new_zeros((1, part.shape[1], height, width))
            total[:, :, top:bottom, left:right] += part
            seen[:, :, top:bottom, left:right] += 1
    assert total is not None
    return total / seen


def _spans(length: int, window: int, step: int) -> Iterator[tuple[int, int]]:
    """Where windows lie along one side; the last one ends with the image."""
    window = min(window, length)
    for start in range(0, max(length - window, 0) + step, step):
        first = min(start, length - window)
        yield first, first + window
        if first + window == length:
            return
