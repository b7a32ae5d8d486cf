"""What images are normalised by: ImageNet's statistics, or those of the images of a training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.errors import UserError
from ivif_bench.tasks.segmentation.segmenters.mmseg_networks import IMAGENET_MEAN, IMAGENET_STD

if TYPE_CHECKING:
    from torch import Tensor

_PREFIX = "normalisation."


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of red, green and blue, in 0..255."""

    mean: tuple[float, ...] = IMAGENET_MEAN
    deviation: tuple[float, ...] = IMAGENET_STD

    def tensors(self) -> dict[str, Tensor]:
        """As they lie in a checkpoint, beside the weights."""
        import torch

        values = {"mean": self.mean, "deviation": self.deviation}
        return {f"{_PREFIX}{name}": torch.tensor(value) for name, value in values.items()}

    def put_into(self, model: Any) -> None:
        """Let a network of mmsegmentation normalise its training images by these."""
        own = model.data_preprocessor
        for buffer, values in ((own.mean, self.mean), (own.std, self.deviation)):
            buffer.copy_(buffer.new_tensor(values).view_as(buffer))


def of_images(images: Iterable[np.ndarray]) -> Statistics:
    """Statistics over all pixels of all images, each RGB uint8 [H, W, 3], in any order.

    A channel without any contrast has deviation 1.
    """
    counts = np.zeros((3, 256), np.int64)
    for image in images:
        for channel in range(3):
            counts[channel] += np.bincount(image[:, :, channel].ravel(), minlength=256)
    levels, pixels = np.arange(256), int(counts[0].sum())
    mean = counts @ levels / pixels
    spread = np.sqrt(np.maximum((counts @ levels**2) / pixels - mean**2, 0.0))
    deviation = np.where(spread > 1e-3, spread, 1.0)
    return Statistics(tuple(map(float, mean)), tuple(map(float, deviation)))


def taken_from(
    state: Mapping[str, Tensor], where: str, own: bool
) -> tuple[Statistics, dict[str, Tensor]]:
    """The statistics in a checkpoint, and its other tensors.

    Args:
        own: whether the protocol normalises by statistics of training images.

    Raises:
        UserError: the weights were trained with the other normalisation.
    """
    weights = without_statistics(state)
    if not own:
        if len(weights) < len(state):
            raise UserError(
                f"weights {where} were trained on images normalised by statistics of their own; set "
                "inference.normalisation: training-images"
            )
        return Statistics(), weights
    found = []
    for name in ("mean", "deviation"):
        tensor = state.get(f"{_PREFIX}{name}")
        if tensor is None or tensor.numel() != 3 or not bool((tensor.abs() < 1e4).all()):
            raise UserError(
                f"weights {where} hold no {name} of the images they were trained on; set "
                "inference.normalisation: imagenet"
            )
        found.append(tuple(map(float, tensor)))
    if min(found[1]) <= 0:
        raise UserError(f"weights {where}: a deviation of its training images is not above 0")
    return Statistics(*found), weights


def without_statistics(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a checkpoint alone."""
    return {name: value for name, value in state.items() if not name.startswith(_PREFIX)}
