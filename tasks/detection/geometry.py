"""Between an image and a network's input: letterbox, suppression, and back to pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ivif_bench.errors import UserError
from ivif_bench.types import Boxes

if TYPE_CHECKING:
    from torch import Tensor

PAD_VALUE = 114
MAX_CANDIDATES = 30_000  # yolov5's limit; bounds the time of suppression


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How an image was put into a network's input, mostly a square.

    Attributes:
        scale: pixels of the input per image pixel.
        left, top: padding before the image, in pixels of the input, not rounded.
        height, width: of the image.
        across: the scale from left to right, where it is another.
    """

    scale: float
    left: float
    top: float
    height: int
    width: int
    across: float | None = None

    def to_image(self, xyxy: np.ndarray) -> np.ndarray:
        """Boxes [N, 4] from pixels of the input to image pixels, cut at the image's border."""
        moved = xyxy.astype(np.float64) - np.array([self.left, self.top, self.left, self.top])
        across = self.scale if self.across is None else self.across
        moved /= (across, self.scale, across, self.scale)
        moved[:, 0::2] = moved[:, 0::2].clip(0, self.width)
        moved[:, 1::2] = moved[:, 1::2].clip(0, self.height)
        return moved


def letterbox(
    image: np.ndarray,
    shape: int | tuple[int, int],
    *,
    enlarge: bool = True,
    least_padding: int | None = None,
) -> tuple[np.ndarray, Letterbox]:
    """Scale an image (bilinear) to fit a rectangle and centre it on gray 114.

    Args:
        image: uint8 [H, W, 3].
        shape: height and width of the rectangle, in pixels; one number for a square.
        enlarge: smaller images are enlarged to fit; False leaves them at their size.
        least_padding: a stride: the rectangle loses the largest multiple of it that is padding.

    Returns:
        uint8 [height, width, 3], the given array itself if nothing changes, and how to get back.
    """
    rows, columns = (shape, shape) if isinstance(shape, int) else shape
    height, width = image.shape[:2]
    scale = min(rows / height, columns / width)
    if not enlarge:
        scale = min(scale, 1.0)
    inner_height, inner_width = max(round(height * scale), 1), max(round(width * scale), 1)
    if (inner_height, inner_width) != (height, width):
        image = cv2.resize(image, (inner_width, inner_height), interpolation=cv2.INTER_LINEAR)
    if least_padding is not None:
        rows = inner_height + (rows - inner_height) % least_padding
        columns = inner_width + (columns - inner_width) % least_padding
    left, top = (columns - inner_width) / 2, (rows - inner_height) / 2
    # An odd rest goes to the right and to the bottom.
    first_row, first_column = round(top - 0.1), round(left - 0.1)
    after = (rows - inner_height - first_row, columns - inner_width - first_column)
    place = Letterbox(scale, left, top, height, width)
    if not any((first_row, first_column, *after)):
        return image, place
    padded = np.full((rows, columns, 3), PAD_VALUE, np.uint8)
    padded[first_row : first_row + inner_height, first_column : first_column + inner_width] = image
    return padded, place


def stretched(image: np.ndarray, size: int) -> np.ndarray:
    """An image scaled (bilinear) to a square, whatever its shape: uint8 [size, size, 3]."""
    if image.shape[:2] == (size, size):
        return image
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)


def to_tensor(square: np.ndarray) -> Tensor:
    """uint8 [H, W, 3] -> float32 [1, 3, H, W] in 0..1."""
    import torch

    channels_first = np.ascontiguousarray(square.transpose(2, 0, 1))
    return torch.from_numpy(channels_first).float().div_(255)[None]


def select_boxes(
    xywh: Tensor,
    scores: Tensor,
    place: Letterbox,
    names: Sequence[str],
    conf: float,
    nms_iou: float,
    max_det: int,
    multi_label: bool = False,
) -> Boxes:
    """From a network's candidates to boxes: threshold, suppression per class, back to the image.

    Args:
        xywh: float [N, 4] centre, width and height in square pixels.
        scores: float [N, C] in 0..1.
        place: where the image is in the square.
        names: C class names.
        conf: only scores above it are kept.
        nms_iou: of two boxes of one class that overlap more, the better one stays.
        max_det: boxes of one image, over all classes.
        multi_label: one box for every class whose score is above ``conf``, as yolov5's ``val.py``;
            False takes the best class only.

    Returns:
        Boxes in image pixels, best score first.

    Raises:
        UserError: a score, or a corner of a box above ``conf``, is NaN or infinite.
    """
    xyxy, best, labels = candidates(xywh, scores, conf, multi_label)
    # NaN is above no threshold: such a box would go unnoticed, and an image would look empty.
    refuse_non_finite(scores, xyxy)
    chosen = suppress(xyxy, best, labels, nms_iou, max_det)
    return Boxes(
        xyxy=place.to_image(xyxy[chosen].cpu().numpy()),
        classes=tuple(names[label] for label in labels[chosen].tolist()),
        scores=best[chosen].cpu().numpy().astype(np.float64),
    )


def refuse_non_finite(scores: Tensor, boxes: Tensor) -> None:
    """Refuse predictions with NaN or infinite values.

    Raises:
        UserError: saying which.
    """
    for what, values in (("scores", scores), ("boxes", boxes)):
        if not values.isfinite().all():
            raise UserError(
                f"the detector gives {what} that are NaN or infinite: its weights are damaged, or "
                "its training diverged; train again, with a lower 'lr0' or another seed"
            )


def candidates(
    xywh: Tensor, scores: Tensor, conf: float, multi_label: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """What enters suppression: the arguments are those of ``select_boxes``.

    Returns:
        float32 [K, 4] corners in square pixels, float32 [K] scores and int64 [K] classes, best
        score first; of more than 30,000 the best 30,000, as in yolov5.
    """
    import torch

    if multi_label:
        rows, labels = (scores > conf).nonzero(as_tuple=True)
        best = scores[rows, labels]
    else:
        best, labels = scores.max(dim=1)
        (rows,) = (best > conf).nonzero(as_tuple=True)
        best, labels = best[rows], labels[rows]
    order = best.argsort(descending=True, stable=True)[:MAX_CANDIDATES]
    centre, half = xywh[rows[order], :2].float(), xywh[rows[order], 2:].float() / 2
    return torch.cat((centre - half, centre + half), dim=1), best[order].float(), labels[order]


def suppress(xyxy: Tensor, scores: Tensor, groups: Tensor, nms_iou: float, max_det: int) -> Tensor:
    """Indices of the boxes that stay, best score first.

    Args:
        xyxy, scores: float [K, 4] corners and [K].
        groups: int64 [K]; boxes suppress only boxes of their own group, such as their class.
        nms_iou, max_det: as in ``select_boxes``.
    """
    from torchvision.ops import batched_nms

    kept: Tensor = batched_nms(xyxy, scores, groups, nms_iou)
    return kept[:max_det]
